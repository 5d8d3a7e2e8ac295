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

// captcha is what tells people and machines apart, nil if nothing was set.
func (s *Server) captcha() auth.Captcha {
	switch {
	case s.config.Captcha != nil:
		return s.config.Captcha
	case s.config.CaptchaVerify != "":
		return auth.SiteVerify{URL: s.config.CaptchaVerify, Secret: s.config.CaptchaSecret}
	}
	return nil
}
