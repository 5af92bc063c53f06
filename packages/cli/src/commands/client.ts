import { createZerogClient, type ZerogClient } from '@zerog/sdk'
import { chooseAccount } from '../account/choose.ts'
import type { ActionContext } from '../action.ts'

/** A client for reading. */
export async function readingClient(context: ActionContext): Promise<ZerogClient> {
  const { endpoints } = await context.settings()
  return createZerogClient({ endpoints })
}

/** A client that signs; the key is opened here and not before. */
export async function signingClient(context: ActionContext): Promise<ZerogClient> {
  const settings = await context.settings()
  const account = await chooseAccount(settings, context.output, context.env)
  return createZerogClient({ endpoints: settings.endpoints, account })
}
