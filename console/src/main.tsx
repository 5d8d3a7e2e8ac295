import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { App as AntApp, ConfigProvider, theme } from 'antd'
import enUS from 'antd/locale/en_US'
import zhCN from 'antd/locale/zh_CN'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router-dom'
import { RequestError } from './api'
import { Console } from './Console'
import { TextProvider, useText } from './i18n'
import './style.css'

const client = new QueryClient({
  defaultOptions: { queries: { retry: (n, e) => n < 2 && (!(e instanceof RequestError) || e.detail.retryable), staleTime: 1000 } },
})

// In the dark the usual blue is hard to read and pure black is harsh.
const night = { colorPrimary: '#4c9bff', colorLink: '#69b1ff', colorBgLayout: '#111214', colorBgContainer: '#1b1c1f' }

function Themed() {
  const { language } = useText()
  const [dark, setDark] = useState(() => (localStorage.getItem('yunduo.theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark')
  const toggle = () => setDark(was => {
    localStorage.setItem('yunduo.theme', was ? 'light' : 'dark')
    return !was
  })
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
  return (
    <ConfigProvider locale={language === 'zh' ? zhCN : enUS} theme={{ algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm, token: { borderRadius: 8, fontSize: 14, motion: !calm, ...(dark ? night : {}) } }}>
      <AntApp><Console dark={dark} toggleDark={toggle} /></AntApp>
    </ConfigProvider>
  )
}

/** Who has asked the system for less motion gets none. */
const calm = matchMedia('(prefers-reduced-motion: reduce)').matches

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <TextProvider>
        <BrowserRouter basename="/console"><Themed /></BrowserRouter>
      </TextProvider>
    </QueryClientProvider>
  </StrictMode>,
)
