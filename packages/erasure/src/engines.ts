// For benches and tests that compare the engines; everybody else gets the fastest by default.
export { createKernelEngine } from './kernel-engine.ts'
export { plainEngine } from './plain.ts'
