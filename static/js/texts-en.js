/** English texts of the phone, by their Chinese source. */
/** @type {Record<string, string>} */
export default {};
