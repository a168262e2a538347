/** Catalogues are turned into modules by static/build.js. */
declare module '*.po' {
  const catalogue: { [source: string]: string };
  export default catalogue;
}
