using System.CommandLine;
using Registry.Host.Serving;

namespace Registry.Host.Cli;

/// <summary>Options that several verbs take.</summary>
internal static class SharedOptions
{
    public static readonly Option<string> Gateway = new("--gateway")
    {
        Description = "The gateway's HTTP address.",
        HelpName = "URL",
        DefaultValueFactory = _ => GatewayOptions.DefaultHttp,
    };

    public static readonly Option<string?> KeyFile = new("--key-file")
    {
        Description = $"File with the API key or token for the gateway. Left out, the one that the environment variable {GatewayKey.Variable} names.",
        HelpName = "FILE",
    };

    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON for programs." };
}
