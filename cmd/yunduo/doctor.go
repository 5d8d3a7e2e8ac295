package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"yunduo/functions/node"
)

var doctorTexts = struct {
	doctor, given, lacking, missing, good, weak, bad, todo text
	walls                                                  map[node.WallName]text
	remedies                                               map[node.Remedy]text
}{
	doctor:  text{"Show which walls this machine can put around functions, and what to do about the missing ones", "检查本机能为云函数提供哪些隔离手段，以及如何补上缺少的部分"},
	given:   text{"yes", "有"},
	lacking: text{"no", "无"},
	missing: text{"MISSING", "缺失"},
	good:    text{"This machine gives every wall: it can run functions of owners who do not know each other.", "本机具备全部隔离手段，可以运行互不相识的开发者的云函数。"},
	weak:    text{"Functions run in a sandbox; what is missing keeps one app from slowing down others less well.", "云函数运行在沙箱中；缺少的部分会削弱应用之间的资源隔离。"},
	bad:     text{"this machine cannot keep functions apart: run only code that you trust on it", "本机无法隔离云函数：请只运行可信代码"},
	todo:    text{"to do", "处理办法"},
	walls: map[node.WallName]text{
		node.WallNode:       {"Node.js", "Node.js"},
		node.WallNamespaces: {"files, processes and users of their own", "独立的文件、进程与用户空间"},
		node.WallCalls:      {"allow list of system calls", "系统调用白名单"},
		node.WallNetwork:    {"network only through the server", "只能经由服务器访问网络"},
		node.WallUser:       {"a system user for each process", "每个进程独立的系统用户"},
		node.WallMemory:     {"memory limit of the kernel", "内核内存上限"},
		node.WallTasks:      {"thread limit of the kernel", "内核线程数上限"},
		node.WallCPU:        {"equal processor shares for apps", "应用均分处理器时间"},
		node.WallFlood:      {"an app that floods lets others go first", "占用过多的应用为其他应用让路"},
	},
	remedies: map[node.Remedy]text{
		node.RemedyLinux:      {"run the server on Linux, for example in a virtual machine", "在 Linux（例如虚拟机）中运行服务器"},
		node.RemedyKernel:     {"run a kernel of Linux 5.15 or later", "使用 Linux 5.15 或更高版本的内核"},
		node.RemedyNode:       {"install Node.js 20 or later, or name its binary with --node", "安装 Node.js 20 或更高版本，或用 --node 指定其路径"},
		node.RemedyUserLimit:  {"sysctl -w user.max_user_namespaces=65536", "执行 sysctl -w user.max_user_namespaces=65536"},
		node.RemedyUserClone:  {"sysctl -w kernel.unprivileged_userns_clone=1, or start the server as root", "执行 sysctl -w kernel.unprivileged_userns_clone=1，或以 root 启动服务器"},
		node.RemedyAppArmor:   {"sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or start the server as root", "执行 sysctl -w kernel.apparmor_restrict_unprivileged_userns=0，或以 root 启动服务器"},
		node.RemedyContainer:  {"let the container make namespaces: docker run --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined", "允许容器创建命名空间：docker run --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"},
		node.RemedyDelegate:   {"give the server a control group that it may divide: with systemd, Delegate=yes in its unit", "让服务器可以划分控制组：使用 systemd 时在服务单元中设置 Delegate=yes"},
		node.RemedyRoot:       {"start the server as root: it gives each function process a user without rights", "以 root 启动服务器：每个云函数进程会使用各自的无权限用户"},
		node.RemedySwitchedOn: {"leave out --sandbox off", "去掉 --sandbox off"},
	},
}

// report is what doctor prints as JSON.
type report struct {
	Safe  bool        `json:"safe"` // for code of owners who do not know each other
	Walls []node.Wall `json:"walls"`
}

func doctorCommand(l language) *cobra.Command {
	var options node.Options
	var sandbox string
	cmd := listing(&cobra.Command{
		Use: "doctor", Short: l.say(doctorTexts.doctor), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Sandbox = node.Sandbox(sandbox)
			r, err := examine(cmd, options)
			if err != nil {
				return err
			}
			if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
				err = printJSON(cmd.OutOrStdout(), r)
			} else {
				err = r.print(cmd.OutOrStdout(), l)
			}
			if err == nil && !r.Safe {
				err = errors.New(l.say(doctorTexts.bad))
			}
			return err
		},
	})
	cmd.Flags().StringVar(&options.NodePath, "node", "", "the node executable; default: node from PATH")
	cmd.Flags().StringVar(&sandbox, "sandbox", "auto", "isolation to look at: auto or off")
	return cmd
}

// examine starts a runtime as a server would and lets a function look at its walls.
func examine(cmd *cobra.Command, options node.Options) (r report, err error) {
	rt, err := node.New(options)
	if err != nil { // without Node.js there is nothing to look at
		return report{Walls: []node.Wall{{Name: node.WallNode, Essential: true, Detail: err.Error(), Remedy: node.RemedyNode}}}, nil
	}
	defer func() { err = errors.Join(err, rt.Close(cmd.Context())) }()
	r = report{Safe: true, Walls: rt.Walls(cmd.Context())}
	for _, w := range r.Walls {
		r.Safe = r.Safe && (w.Given || !w.Essential)
	}
	return r, nil
}

func (r report) print(out io.Writer, l language) error {
	t := &doctorTexts
	width := 0
	for _, w := range r.Walls {
		width = max(width, columns(l.say(t.walls[w.Name])))
	}
	all := true
	for _, w := range r.Walls {
		state := t.given
		if !w.Given {
			all = false
			if state = t.lacking; w.Essential {
				state = t.missing
			}
		}
		name := l.say(t.walls[w.Name])
		fmt.Fprintf(out, "%s%*s  %s", name, width-columns(name), "", l.say(state))
		if w.Detail != "" {
			fmt.Fprintf(out, "  (%s)", w.Detail)
		}
		fmt.Fprintln(out)
		if remedy, ok := t.remedies[w.Remedy]; ok && !w.Given {
			fmt.Fprintf(out, "    %s: %s\n", l.say(t.todo), l.say(remedy))
		}
	}
	var err error
	switch {
	case all:
		_, err = fmt.Fprintln(out, "\n"+l.say(t.good))
	case r.Safe:
		_, err = fmt.Fprintln(out, "\n"+l.say(t.weak))
	}
	return err
}
