// Command yunduo is the server and its command line: "yunduo dev" for a project on this machine, "yunduo serve" for a
// server, and the verbs that look after one.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"yunduo"
	"yunduo/functions/bundle"
	"yunduo/functions/node"
)

// version is set by the linker for releases.
var version = "dev"

func main() {
	node.SandboxInit() // does not return in a process that is about to become a sandbox
	bundle.Init()      // nor does this in one that compiles a stranger's code
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := rootCommand(speak()).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "yunduo: "+plain(withLines(err)))
		os.Exit(1)
	}
}

// sentence is the part of an error that helps the person at the terminal.
func sentence(err error) string {
	if e := yunduo.AsError(err); e.Reason != yunduo.ReasonInternal && e.Reason != yunduo.ReasonCanceled && e.Reason != yunduo.ReasonTimeout {
		return e.Message
	}
	return err.Error()
}

// withLines is the sentence with the lines of the author's code where it happened, if they are known.
func withLines(err error) string {
	var text strings.Builder
	text.WriteString(sentence(err))
	for line := range strings.Lines(yunduo.AsError(err).Stack) {
		if frame := strings.TrimSpace(line); strings.HasPrefix(frame, "at ") {
			text.WriteString("\n    " + frame)
		}
	}
	return text.String()
}

func rootCommand(l language) *cobra.Command {
	root := &cobra.Command{
		Use: "yunduo", Short: l.say(texts.root), SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(serveCommand(l), devCommand(l), initCommand(l), deployCommand(l), loginCommand(l), functionsCommand(l), releasesCommand(l), releaseCommand(l), usersCommand(l), appsCommand(l), dbCommand(l), backupCommand(l), restoreCommand(l), rulesCommand(l), sdkCommand(l), doctorCommand(l), egressCommand(l), versionCommand(l))
	root.AddCommand(wechatCommand(l), secretsCommand(l), envCommand(l))
	return root
}

func versionCommand(l language) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: l.say(texts.version), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "yunduo "+version)
			return err
		},
	}
}
