package e2e_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/apps"
	"yunduo/server"
	"yunduo/wire"
)

// packageResults is what the functions in packages/functions return.
var packageResults = map[string]string{
	"axios":                       `{"status":200,"name":"云朵","query":{"q":["a b"]},"refused":418}`,
	"got":                         `{"body":{"n":1},"query":{"a":["b"]},"again":"better now"}`,
	"lodash":                      `{"sums":{"li":7,"mei":5},"camel":"orderByDate","deep":{"a":{"b":1,"c":2}}}`,
	"dayjs":                       `{"shanghai":"2026-03-01 04:00","next":"2026-03-28","weekday":"星期六"}`,
	"moment-timezone":             `{"newYork":"2026-07-01T00:00:00-04:00","zones":true}`,
	"jsonwebtoken":                `{"id":7,"rsa":8,"forged":"JsonWebTokenError"}`,
	"uuid":                        `{"valid":true,"version":4,"different":true,"named":"2da19f6e-2958-5dba-8a9f-d261aaa57771"}`,
	"cheerio":                     `{"title":"A page","links":["/a","/b"],"items":1}`,
	"node-xlsx":                   `{"name":"名单","data":[["name","age"],["李",30],["梅",28]],"zip":"PK"}`,
	"exceljs":                     `{"header":"b","formula":"A2+B2","result":3}`,
	"nodemailer":                  `{"accepted":["mei@example.com"],"response":"250 queued"}`,
	"mysql2":                      `{"rows":[{"id":7,"name":"o'li"}],"fields":["id","name"],"failed":{"code":"ER_BAD_FIELD_ERROR","errno":1054}}`,
	"ioredis":                     `{"greeting":"你好","counts":[1,2],"missing":null}`,
	"mongodb":                     `{"large":[{"text":"b","n":12},{"text":"c","n":3}],"total":16}`,
	"pg":                          `{"rows":[{"id":7,"name":"li"}],"failed":"42703"}`,
	"qrcode":                      `{"png":"PNG","width":200,"url":"data:image/png;base64,","modules":21}`,
	"jimp":                        `{"type":"PNG","long":true,"text":true}`,
	"sharp":                       `{"format":"jpeg","width":30,"height":20}`,
	"crypto-js":                   `{"md5":"0cc175b9c0f1b6a831c399e269772661","plain":"你好","hmac":"eNqRUR5nVYf1ud94vt669VYNoqu4gWLuh13N90SVHZ4="}`,
	"iconv-lite":                  `{"gbk":"d4c6b6e4","back":"云朵","big5":"b6b3"}`,
	"tcb-router":                  `{"code":0,"data":{"openId":"li"}}`,
	"tencentcloud-sdk-nodejs-sms": `{"RequestId":"r-1","code":"Ok"}`,
}

// foldersAsTheyAre are packages that do not become one script: their functions get nothing but them.
var foldersAsTheyAre = []string{"cheerio", "express", "got", "ioredis", "jimp", "moment-timezone", "mysql2", "node-xlsx", "sharp"}

// TestPackages runs popular packages inside functions. They come from the registry, each function's by the lock file that all share.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("packages come from the registry")
	}
	p := start(t, func(c *server.Config) { c.MongoListen, c.AllowPrivateNetwork = "127.0.0.1:0", true })
	w := p.open(t)
	w.user(t, "li")
	mails := make(chan string, 1)
	event := map[string]string{
		"http": httpPeer(t), "smtp": smtpPeer(t, func(mail string) { mails <- mail }), "redis": redisPeer(t), "pg": pgPeer(t), "mysql": mysqlPeer(t),
		"mongodb": p.server.MongoURL(apps.Key{App: w.app, SecretID: w.keys.SecretID, SecretKey: w.keys.SecretKey}), "database": string(w.app), "$url": "member",
	}
	text, err := json.Marshal(event)
	require.NoError(t, err)
	for _, name := range append(slices.Sorted(maps.Keys(packageResults)), "koa", "express") {
		t.Run(name, func(t *testing.T) {
			f := w.deployPackage(t, name)
			require.Equal(t, slices.Contains(foldersAsTheyAre, name), f.Mode == "unbundled", "%s: %v", f.Mode, f.Warnings)
			want, ok := packageResults[name]
			if !ok {
				return
			}
			result, err := w.as(t, "li").Invoke(t.Context(), name, text)
			require.NoError(t, err)
			require.JSONEq(t, want, string(result))
		})
	}
	mail := <-mails
	require.Contains(t, mail, "Subject: =?UTF-8?")
	require.Contains(t, mail, "Hello from a function")

	_, body := w.fetch(t, "GET", "/koa/some/path?a=1", "li", "")
	require.JSONEq(t, `{"path":"/some/path","query":{"a":"1"},"openid":"li"}`, body)
	response, body := w.fetch(t, "GET", "/koa/throw", "li", "")
	require.Equal(t, "403 not for you", response.Status[:3]+" "+body)
	response, body = w.fetch(t, "POST", "/express/notes/7", "li", `{"text":"云"}`, "Content-Type", "application/json")
	require.Equal(t, 201, response.StatusCode, body)
	_, body = w.fetch(t, "GET", "/express/notes/7", "li", "")
	require.Contains(t, body, `"text":"云"`)
	_, body = w.fetch(t, "POST", "/express/notes/7", "li", `{"text":`, "Content-Type", "application/json")
	require.JSONEq(t, `{"failed":"entity.parse.failed"}`, body)
	response, _ = w.fetch(t, "GET", "/express/none", "li", "")
	require.Equal(t, 404, response.StatusCode)
}

// deployPackage deploys the function of that name in packages/functions with the one package that it uses.
func (w *world) deployPackage(t *testing.T, name string) wire.Function {
	t.Helper()
	read := func(path string) []byte {
		data, err := os.ReadFile(filepath.Join("packages", path))
		require.NoError(t, err)
		return data
	}
	var manifest struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	require.NoError(t, json.Unmarshal(read("package.json"), &manifest))
	require.Contains(t, manifest.Dependencies, name)
	if alone := slices.Contains(foldersAsTheyAre, name); alone {
		manifest.Dependencies = map[string]string{name: manifest.Dependencies[name]}
	}
	text, err := json.Marshal(manifest)
	require.NoError(t, err)
	files := []wire.DeployFile{{Path: "index.js", Content: read("functions/" + name + ".js")}, {Path: "package.json", Content: text}, {Path: "package-lock.json", Content: read("package-lock.json")}}
	f, err := w.owner().Deploy(t.Context(), wire.DeployRequest{Name: name, Files: files})
	require.NoError(t, err)
	return f
}
