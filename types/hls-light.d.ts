/** The small build of hls.js, which is without types of its own. */
declare module 'hls.js/light' {
  import Hls from 'hls.js';
  export default Hls;
}
