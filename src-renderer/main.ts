import { createPinia } from 'pinia'
import { createApp } from 'vue'
import type { DesktopApi } from '../src-main/contract/protocol/wire'
import { bridgeKey } from './bridge/bridge'
import { createElectronBridge } from './bridge/electron-bridge'
import { createHttpBridge } from './bridge/http-bridge'
import { useSession } from './bridge/session-store'
import './shared/styles/tokens.css'
import './shared/styles/base.css'
import App from './shell/App.vue'

declare global {
  interface Window {
    featureFusion?: DesktopApi
  }
}

const app = createApp(App)
app.provide(bridgeKey, window.featureFusion ? createElectronBridge(window.featureFusion) : createHttpBridge())
app.use(createPinia())
// Stores listen for the first snapshot as soon as they exist, so the interface is mounted before the session starts.
app.mount('#app')
void useSession().start()
