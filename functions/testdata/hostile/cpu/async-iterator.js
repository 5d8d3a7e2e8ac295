// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  for await (const x of { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: 1 }) }) });
}
