import type { Authority, Issued, IssueOptions } from './authority.ts'

/** Loads the X.509 library only where certificates are made: services only read them. */
export async function initAuthority(
  dir: string,
  network: string,
  options: { readonly nowMs?: number; readonly validityDays?: number } = {},
): Promise<Authority> {
  return (await import('./authority.ts')).initAuthority(dir, network, options)
}

/** See {@link IssueOptions}; loads the X.509 library when called. */
export async function issueIdentity(options: IssueOptions): Promise<Issued> {
  return (await import('./authority.ts')).issueIdentity(options)
}
