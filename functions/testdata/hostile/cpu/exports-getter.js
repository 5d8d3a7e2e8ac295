// expect: function_timeout time limit
// timeout: 400ms
// once: yes
Object.defineProperty(exports, 'main', { get () { for (;;) {} } })
