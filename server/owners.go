package server

import (
	"context"
	"fmt"

	"yunduo"
)

// unsandboxed is why there is one app only.
const unsandboxed = "this machine offers no sandbox, so the functions of one app could read everything of another; run \"yunduo doctor\" to see what is missing, or start the server with --trust-owners if the owners of all apps trust each other"

// keepApart refuses to serve several apps, which may have several owners, where nothing keeps their functions apart:
// now, and when a second app is created. Who has switched the sandbox off has decided otherwise, and so has a developer.
func (s *Server) keepApart(ctx context.Context) error {
	if mode, _ := s.runtime.Isolation(); mode == "sandbox" || s.config.Sandbox == "off" || s.config.TrustOwners || s.config.Dev != nil {
		return nil
	}
	list, err := s.rooms.Apps.List(ctx, yunduo.System(""))
	if err != nil {
		return err
	}
	if len(list) > 1 {
		return fmt.Errorf("there are %d apps, but %s", len(list), unsandboxed)
	}
	s.rooms.Apps.OnlyOne(unsandboxed)
	return nil
}
