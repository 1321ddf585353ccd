// The page's address, of which scripts name what the server has.
export const PAGE = new URL("../../../", import.meta.url);
