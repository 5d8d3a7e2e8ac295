package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

const exchanged = `const cloud = require('wx-server-sdk')
cloud.init()
exports.main = async event => {
  const { data } = await cloud.database().collection('stock').where({ item: event.queryStringParameters.item }).get()
  console.log('asked by', event.headers['x-shop'])
  const told = JSON.parse(event.body)
  return {
    statusCode: 201,
    headers: { 'content-type': 'application/json', 'set-cookie': 'sid=c00kie', 'x-left': String(data[0].left) },
    body: JSON.stringify({ method: event.httpMethod, path: event.path, n: told.n, openid: cloud.getWXContext().OPENID, sessionToken: 't0p', by: event.headers.authorization }),
  }
}
`

const serving = `const http = require('http'), zlib = require('zlib')
const server = http.createServer((request, response) => {
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return response.end('data: {"n":1,"token":"t0p"}\n\n')
  }
  let size = 0
  request.on('data', part => { size += part.length }).on('end', () => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip', etag: '"1"' })
    response.end(zlib.gzipSync('got ' + size))
  })
})
server.on('upgrade', (request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello'))
server.listen(9000)
`

func TestFunctions_ReplayOfHTTP(t *testing.T) {
	dir := newProject(t)
	source, server := filepath.Join(dir, "cloudfunctions", "stock", "index.js"), filepath.Join(dir, "cloudfunctions", "site", "index.js")
	write(t, source, exchanged)
	write(t, server, serving)
	write(t, filepath.Join(dir, "yunduo.yaml"), "routes:\n  /site: {function: site, auth: public}\n")
	p, info := startDev(t, dir)
	t.Chdir(dir)
	c := client.New(info.URL, yunduo.AppID(info.App), info.APIKey)
	require.NoError(t, c.CreateCollection(t.Context(), "stock"))
	_, err := c.Insert(t.Context(), "stock", json.RawMessage(`{"item":"tea","left":7}`))
	require.NoError(t, err)
	tokens, err := c.WithToken("").Login(t.Context(), "wechat", map[string]string{"code": "dev:li"})
	require.NoError(t, err)

	ask := func(method, path, body string, headers ...string) string {
		request, err := http.NewRequestWithContext(t.Context(), method, info.URL+"/http/"+info.App+path, strings.NewReader(body))
		require.NoError(t, err)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return fmt.Sprint(response.StatusCode, " ", string(text))
	}
	record := func(name string) {
		_, err := run(t, "functions", "record", name)
		require.NoError(t, err)
	}
	kept := func(name string, n int) (file string) {
		var list []wire.Recording
		require.True(t, eventually(t, func() bool {
			text, err := run(t, "functions", "recordings", name, "--json")
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal([]byte(text), &list))
			return len(list) == n
		}))
		file = filepath.Join(t.TempDir(), "call.json")
		_, err := run(t, "functions", "recordings", list[0].ID, "-o", file)
		require.NoError(t, err)
		return file
	}
	record("stock")
	reply := ask("PUT", "/stock/shelf%201?item=tea&api_key=k-1", `{"n":1.50,"password":"hunter2"}`, "Authorization", "Bearer "+tokens.AccessToken, "X-Shop", "s-1", "Content-Type", "application/json")
	require.Contains(t, reply, `"method":"PUT"`)
	require.Contains(t, reply, tokens.AccessToken)
	stock := kept("stock", 1)
	text, err := os.ReadFile(stock)
	require.NoError(t, err)
	for _, secret := range []string{"hunter2", tokens.AccessToken, "k-1", "c00kie"} {
		require.NotContains(t, string(text), secret)
	}

	record("site")
	require.Equal(t, "200 got 3", ask("POST", "/site/x", "abc"))
	site := kept("site", 1)
	record("site")
	require.Contains(t, ask("GET", "/site/events", ""), "t0p")
	events := kept("site", 2)
	record("site")
	require.Equal(t, "200 got 5242880", ask("POST", "/site/x", strings.Repeat("x", 5<<20)))
	large := kept("site", 3)
	record("site")
	conn, err := net.Dial("tcp", strings.TrimPrefix(info.URL, "http://"))
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "GET /http/%s/site/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", info.App)
	require.NoError(t, err)
	said, err := io.ReadAll(bufio.NewReader(conn))
	require.NoError(t, err)
	require.Contains(t, string(said), "hello")
	require.NoError(t, conn.Close())
	upgraded := kept("site", 4)
	require.NoError(t, p.stop())

	// The server is gone.
	replay := func(file string) (string, error) { return run(t, "functions", "replay", file) }
	out, err := replay(stock)
	require.NoError(t, err, out)
	for _, part := range []string{"reply: 201 Created", `"path":"/shelf%201"`, `"n":1.5`, `"openid":"li"`, `"by":"[redacted]"`, "[stock] asked by s-1", "1 calls of the platform answered from the record"} {
		require.Contains(t, out, part)
	}
	for _, file := range []string{site, events} {
		out, err = replay(file)
		require.NoError(t, err, out)
	}
	out, err = replay(large)
	require.ErrorContains(t, err, "the body of the request: it is larger than is kept", out)
	out, err = replay(upgraded)
	require.ErrorContains(t, err, "became one of another protocol: echo", out)

	// The code answers otherwise.
	changed := strings.NewReplacer("statusCode: 201", "statusCode: 200", "n: told.n", "n: 2", "String(data[0].left)", "'none'").Replace(exchanged)
	write(t, source, changed)
	out, err = replay(stock)
	require.ErrorContains(t, err, "differs from the record")
	for _, part := range []string{"status differs: recorded 201, now 200", "header X-Left differs", `recorded "7"`, "the reply's body differs"} {
		require.Contains(t, out, part)
	}
	write(t, server, strings.Replace(serving, "'got '", "'took '", 1))
	out, err = replay(site)
	require.ErrorContains(t, err, "differs from the record")
	require.Contains(t, out, "recorded got 3")
	require.Contains(t, out, "now      took 3")
	write(t, source, "exports.main = async () => { throw new Error('changed') }\n")
	out, err = replay(stock)
	require.ErrorContains(t, err, "differs from the record")
	require.Contains(t, out, "failed: function_error: changed")
}
