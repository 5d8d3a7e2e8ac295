package project

// wechatName is the project file of the WeChat developer tools.
const wechatName = "project.config.json"

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
