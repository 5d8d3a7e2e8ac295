package project

import "regexp"

// wechatName is the project file of the WeChat developer tools.
const wechatName = "project.config.json"

// wechatAppID is what may stand for an app of WeChat, or for none.
var wechatAppID = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

type wechatConfig struct {
	AppID             string `json:"appid"`
	CloudFunctionRoot string `json:"cloudfunctionRoot"`
	MiniprogramRoot   string `json:"miniprogramRoot"`
}

func (l *loader) readWeChat() error {
	data, err := readFile(l.note(wechatName), wechatName)
	if err != nil {
		return err
	}
	return decodeJSON(data, wechatName, &l.wechat)
}
