import { build } from 'esbuild'
import { gzipSync, brotliCompressSync } from 'node:zlib'
const b = async (contents, external=[], extra={}) => { const t=performance.now(); const r = await build({ stdin:{contents, resolveDir:'/work/main/tests'}, bundle:true, minify:true, write:false, format:'esm', platform:'browser', target:'es2022', external, metafile:true, ...extra }); const o=r.outputFiles[0].contents; console.log(JSON.stringify(contents), external, o.length, gzipSync(o).length, brotliCompressSync(o).length, Math.round(performance.now()-t),'ms', r.warnings.length); return r }
await b("export * from '@zerog/sdk'")
await b("export * from '@zerog/sdk'", ['viem'])
await b("export {createZerogClient} from '@zerog/sdk'", [])
await b("export {createZerogClient} from '@zerog/sdk'", ['viem'])
const r = await b("export {createZerogClient} from '@zerog/sdk'; export {privateKeyToAccount} from 'viem/accounts'", [])
const ins = Object.entries(Object.values(r.metafile.outputs)[0].inputs).map(([k,v])=>[k.replace(/.*node_modules\//,''),v.bytesInOutput]).sort((a,b)=>b[1]-a[1])
const by={}; for (const [k,v] of ins){const p=k.startsWith('../')||k.startsWith('packages')?k.split('/').slice(0,4).join('/'):k.split('/').slice(0,k.startsWith('@')?2:1).join('/'); by[p]=(by[p]??0)+v}
console.log(by); console.log(ins.slice(0,40))
