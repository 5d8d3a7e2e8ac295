package server

import "yunduo/auth"

// codeSender is what brings verification codes to people, nil if nothing was set.
func (s *Server) codeSender() auth.Sender {
	switch {
	case s.config.CodeSender != nil:
		return s.config.CodeSender
	case s.config.CodeWebhook != "":
		return auth.Webhook{URL: s.config.CodeWebhook, Secret: s.config.CodeWebhookSecret}
	}
	return nil
}
