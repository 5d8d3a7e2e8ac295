package functions

// AsyncAtOnce is how many accepted invocations run at the same time.
const AsyncAtOnce = asyncAtOnce
