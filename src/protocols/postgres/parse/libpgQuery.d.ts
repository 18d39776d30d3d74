/** The part of the WebAssembly API that the parser uses; neither ECMAScript's nor Node's type library declares it. */
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  interface Instance {
    readonly exports: object;
  }
  const Instance: new (module: Module, imports: object) => Instance;
  function compile(bytes: Uint8Array): Promise<Module>;
}

/** The emscripten factory inside libpg-query. Its public entry hides the instance, so a trapped one could not be replaced. */
declare module 'libpg-query/wasm/libpg-query.js' {
  const factory: (options: {
    instantiateWasm: (imports: object, done: (instance: WebAssembly.Instance) => void) => object;
  }) => Promise<unknown>;
  export default factory;
}
