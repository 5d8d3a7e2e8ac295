package project

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"time"

	"yunduo"
)

// programTime is how long a configuration that is a program may take.
const programTime = 10 * time.Second

// programMark stands before what a program gives, for programs may print too.
const programMark = "\x1eyunduo-configuration\x1e"

// evaluate prints what a configuration exports: an object, a promise of one, or a function that gives either.
const evaluate = `(async () => {
  const loaded = require(process.argv[1])
  const given = loaded && loaded.default !== undefined ? loaded.default : loaded
  const value = await (typeof given === 'function' ? given() : given)
  process.stdout.write(process.argv[2] + JSON.stringify(value === undefined ? null : value))
})().catch(error => { console.error(error && error.message || String(error)); process.exitCode = 1 })`

// runProgram returns what a configuration that is a program gives. It runs in Node.js as whoever calls the command, in the
// project's folder and with the variables of its .env files, as the vendor's own command line has it. Only commands read
// projects; the server never does.
func (l *loader) runProgram(name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), programTime)
	defer cancel()
	node := l.options.Node
	if node == "" {
		node = "node"
	}
	command := exec.CommandContext(ctx, node, "-e", evaluate, l.note(name), programMark)
	command.Dir, command.Env = l.project.Dir, os.Environ()
	for key, value := range l.vars {
		if _, ok := l.options.Env(key); !ok {
			command.Env = append(command.Env, key+"="+value)
		}
	}
	var out, told bytes.Buffer
	command.Stdout, command.Stderr, command.WaitDelay = &out, &told, time.Second
	err := command.Run()
	_, text, found := bytes.Cut(out.Bytes(), []byte(programMark))
	switch {
	case ctx.Err() != nil:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s has given nothing after %s", name, programTime)
	case err != nil || !found:
		why, _, _ := strings.Cut(strings.TrimSpace(told.String()), "\n")
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "%s cannot be run with Node.js: %s", name, why)
	case len(text) > maxConfigBytes || !json.Valid(text) || len(text) == 0 || text[0] != '{':
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s gives no object of settings, or one larger than %d KiB", name, maxConfigBytes>>10)
	}
	return text, nil
}
