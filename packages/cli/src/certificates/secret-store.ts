export type SecretData = Readonly<Record<string, Uint8Array>>

export type StoredSecret = {
  readonly data: SecretData
  /** Kubernetes' resourceVersion: a replacement of an older one is refused. */
  readonly version: string
  /** Made by this command. */
  readonly isOurs: boolean
}

/** Secrets of one namespace. */
export type SecretStore = {
  readonly read: (name: string) => Promise<StoredSecret | undefined>
  /** False where there is one of this name. */
  readonly create: (name: string, data: SecretData) => Promise<boolean>
  /** False where it is not the one of this version any more. */
  readonly replace: (name: string, data: SecretData, version: string) => Promise<boolean>
}
