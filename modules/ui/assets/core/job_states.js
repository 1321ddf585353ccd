// States of jobs, as the server names them.
export const UNFINISHED = ["queued", "running"];
