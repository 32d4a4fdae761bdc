@echo off
rem The command line of the packaged program.
"%~dp0..\..\FeatureFusion Studio.exe" --cli -- %*
