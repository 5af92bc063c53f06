import type { Endpoint } from '@zerog/ports'
import type { ProtoFile } from '@zerog/proto/descriptors'
import { ServerReflectionDefinition, type ServerReflectionRequest, ServerReflectionResponse } from '@zerog/proto/grpc/reflection'
import type { RpcHost } from './host.ts'

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>

const NOT_FOUND = 5
const UNIMPLEMENTED = 12

/**
 * grpc.reflection.v1 of a host, so that grpcurl works with a developer's certificate and no proto files. Development networks only: it
 * tells the whole surface to every identity.
 */
export async function serveReflection(host: RpcHost): Promise<void> {
  // Loaded here: production never needs the descriptors in memory.
  const { PROTO_FILES } = await import('@zerog/proto/descriptors')
  const catalog = createCatalog(PROTO_FILES)
  const method = ServerReflectionDefinition.methods.serverReflectionInfo
  const serverReflectionInfo: Endpoint<typeof method> = {
    method,
    allow: ['*'],
    async *handle(requests) {
      for await (const originalRequest of requests) {
        const messageResponse = answer(originalRequest, catalog, host.services)
        yield ServerReflectionResponse.create({ validHost: originalRequest.host, originalRequest, messageResponse })
      }
    },
  }
  host.addForEveryone(ServerReflectionDefinition, { serverReflectionInfo })
}

/** The same answers for a server of its own, which serves `services`. */
export async function reflectionOf(
  services: readonly string[],
): Promise<(originalRequest: ServerReflectionRequest) => ServerReflectionResponse> {
  const { PROTO_FILES } = await import('@zerog/proto/descriptors')
  const catalog = createCatalog(PROTO_FILES)
  return (originalRequest) => {
    const messageResponse = answer(originalRequest, catalog, () => services)
    return ServerReflectionResponse.create({ validHost: originalRequest.host, originalRequest, messageResponse })
  }
}

type Catalog = { readonly byName: ReadonlyMap<string, ProtoFile>; readonly bySymbol: ReadonlyMap<string, ProtoFile> }

function createCatalog(files: readonly ProtoFile[]): Catalog {
  return {
    byName: new Map(files.map((file) => [file.name, file])),
    bySymbol: new Map(files.flatMap((file) => file.symbols.map((symbol) => [symbol, file] as const))),
  }
}

function answer({ messageRequest: asked }: ServerReflectionRequest, catalog: Catalog, services: () => readonly string[]): Answer {
  switch (asked?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: services().map((name) => ({ name })) } }
    case 'fileByFilename':
      return fileAnswer(catalog.byName.get(asked.value), asked.value, catalog)
    case 'fileContainingSymbol':
      return fileAnswer(catalog.bySymbol.get(asked.value), asked.value, catalog)
    default:
      return failure(UNIMPLEMENTED, 'proto3 services have no extensions')
  }
}

/** The file after everything that it imports, as the protocol recommends. */
function fileAnswer(file: ProtoFile | undefined, name: string, { byName }: Catalog): Answer {
  if (file === undefined) return failure(NOT_FOUND, `${name} is not known here`)
  const found = new Set<ProtoFile>()
  const visit = (one: ProtoFile) => {
    if (found.has(one)) return
    for (const imported of one.imports) {
      const next = byName.get(imported)
      if (next !== undefined) visit(next)
    }
    found.add(one)
  }
  visit(file)
  const fileDescriptorProto = [...found].map(({ base64 }) => Buffer.from(base64, 'base64'))
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } }
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } }
}
