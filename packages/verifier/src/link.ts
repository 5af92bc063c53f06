/** The links of the chain of evidence, in the order in which they are reported. */
export const LINK_NAMES = [
  'request-bytes',
  'response-bytes',
  'receipt-signature',
  'signer-registered',
  'batch',
  'data-availability',
  'da-committee',
  'settlement',
  'block',
  'validators',
  'model',
] as const

export type LinkName = (typeof LINK_NAMES)[number]

/**
 * `not-required`: there is nothing to prove (nothing owed, no model named). `not-shown`: the bundle holds only a hash of it; who has the
 * bytes passes them.
 */
export type LinkState = 'proven' | 'not-required' | 'not-shown' | 'broken'

export type Finding = { readonly state: LinkState; readonly detail: string }

export type Link = Finding & {
  readonly name: LinkName
  /** Everything but broken. */
  readonly ok: boolean
}
