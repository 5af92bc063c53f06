/** solc publishes no types; this is what we use of it. */
declare module 'solc' {
  const solc: { compile(standardJsonInput: string): string }
  // biome-ignore lint/style/noDefaultExport: the module's own shape
  export default solc
}
