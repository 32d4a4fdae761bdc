; What electron-builder's installer does not do.

!macro customInstall
  ; The command line. This folder of the user is on the path of Windows 10 and later: no path has to be edited.
  CreateDirectory "$LOCALAPPDATA\Microsoft\WindowsApps"
  FileOpen $0 "$LOCALAPPDATA\Microsoft\WindowsApps\featurefusion.cmd" w
  FileWrite $0 '@"$INSTDIR\resources\bin\featurefusion.cmd" %*$\r$\n'
  FileClose $0
  ; Windows knows files by their last ending alone: projects are offered under "Open with" for .json.
  WriteRegStr SHELL_CONTEXT "Software\Classes\.json\OpenWithProgids" "FeatureFusion project" ""
!macroend

!macro customUnInstall
  Delete "$LOCALAPPDATA\Microsoft\WindowsApps\featurefusion.cmd"
  DeleteRegValue SHELL_CONTEXT "Software\Classes\.json\OpenWithProgids" "FeatureFusion project"
!macroend
