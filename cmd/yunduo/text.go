package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/text/width"
)

// language is how the program speaks: "zh" or "en".
type language string

// speak picks the language from YUNDUO_LANG, else from the usual locale variables.
func speak() language {
	for _, name := range []string{"YUNDUO_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := os.Getenv(name); value != "" {
			if strings.HasPrefix(strings.ToLower(value), "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

// say returns a text of the catalog in the language, with its arguments filled in.
func (l language) say(t text, args ...any) string {
	format := t.en
	if l == "zh" {
		format = t.zh
	}
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

type text struct{ en, zh string }

// columns is how wide a text is on a terminal, where Chinese characters take two columns.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}

var texts = struct {
	root, serve, dev, initCmd, deploy, functions, functionsList, functionsInvoke, functionsLogs, functionsVersions,
	functionsRollback, functionsDelete, version, login, sdk text
	inspector, inspectAt, inspectSandbox text
	ready, console, api, site, mongo, app, isolation, sandboxOff, watching, stopping, deployed, prepared, applied, deployFailed, removed,
	configProblem, noFunctions, setUp, created, next, nothingToList, rolledBack, deleted, loggedIn text
}{
	root:              text{"An open backend for mini-programs: functions, documents, files and triggers in one binary", "小程序的开源后端：云函数、文档数据库、文件存储与定时触发器，一个程序全包"},
	serve:             text{"Run the server", "运行服务器"},
	dev:               text{"Run the whole platform for the project in DIR, with hot reload", "为 DIR 中的项目运行整个平台，修改即生效"},
	initCmd:           text{"Start a new project in DIR", "在 DIR 中新建项目"},
	deploy:            text{"Deploy the project in DIR to a server: functions, rules and indexes", "把 DIR 中的项目部署到服务器：云函数、安全规则与索引"},
	functions:         text{"Look after deployed functions", "管理已部署的云函数"},
	functionsList:     text{"List functions", "列出云函数"},
	functionsInvoke:   text{"Run a function with an event", "用事件数据调用云函数"},
	functionsLogs:     text{"Show recent invocations and what they printed", "查看最近的调用与日志"},
	functionsVersions: text{"List the versions of a function", "列出云函数的版本"},
	functionsRollback: text{"Make an earlier version live again", "回滚到较早的版本"},
	functionsDelete:   text{"Delete a function", "删除云函数"},
	version:           text{"Print the version", "显示版本"},
	sdk:               text{"Print the client SDK as one file", "把客户端 SDK 输出为单个文件"},
	login:             text{"Remember a server, app and API key for this project", "记住本项目使用的服务器、应用和 API 密钥"},

	inspector:      text{"Debugger", "调试器"},
	inspectAt:      text{"%[1]s, or ws://%[1]s/FUNCTION: Node's inspector, without sandbox and limits of time", "%[1]s，或 ws://%[1]s/函数名：Node 调试协议，无沙箱、无时间限制"},
	inspectSandbox: text{"--inspect runs functions without the sandbox, so it cannot be used with --sandbox require", "--inspect 会关闭沙箱，不能与 --sandbox require 同用"},

	ready:         text{"Yunduo is ready in %s", "云朵已就绪，用时 %s"},
	console:       text{"Console", "控制台"},
	api:           text{"API", "接口"},
	site:          text{"Web page", "网页"},
	mongo:         text{"MongoDB URL", "MongoDB 地址"},
	app:           text{"App", "应用"},
	isolation:     text{"Functions", "云函数"},
	sandboxOff:    text{"functions run in plain Node processes without a sandbox: run only code you trust", "云函数运行在没有沙箱的普通 Node 进程中：请只运行可信代码"},
	watching:      text{"Watching %s for changes. Stop with Ctrl+C.", "正在监视 %s 的改动，按 Ctrl+C 停止。"},
	stopping:      text{"Stopping ...", "正在停止……"},
	deployed:      text{"✓ %s is live as version %d (%s)", "✓ %s 已上线，版本 %d（%s）"},
	prepared:      text{"✓ %s has version %d (%s), which gets no calls yet", "✓ %s 已生成版本 %d（%s），尚未承接调用"},
	applied:       text{"✓ %s applied", "✓ %s 已应用"},
	deployFailed:  text{"✗ %s: %s", "✗ %s：%s"},
	removed:       text{"- %s was removed", "- %s 已移除"},
	configProblem: text{"! %s", "! %s"},
	noFunctions:   text{"There are no functions in %s yet. Add a folder with an index.js that exports main.", "%s 中还没有云函数。新建一个文件夹，并在其中的 index.js 里导出 main。"},
	setUp:         text{"Open this link once to set up the console:\n  %s", "打开以下链接完成控制台初始化（仅可使用一次）：\n  %s"},
	created:       text{"Created %s", "已创建 %s"},
	next:          text{"Next: yunduo dev %s", "下一步：yunduo dev %s"},
	nothingToList: text{"Nothing here yet.", "这里还没有内容。"},
	rolledBack:    text{"%s is live as version %d again", "%s 已回滚到版本 %d"},
	deleted:       text{"%s was deleted", "%s 已删除"},
	loggedIn:      text{"Saved for this project: app %s at %s", "已为本项目保存：应用 %s，服务器 %s"},
}
