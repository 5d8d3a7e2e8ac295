// expect: function_timeout time limit
// timeout: 400ms
// once: yes
for (;;) {}
exports.main = () => 1
