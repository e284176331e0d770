return await Registry.Host.Cli.CommandLine.InvokeAsync(args);
