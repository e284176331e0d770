using Registry.Host.Cli;

namespace Registry.Host.Tests.Cli;

/// <summary>Runs the command line in this process.</summary>
internal static class Commands
{
    public static Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => RunAsync(null, arguments);

    /// <summary>The same with somebody who answers.</summary>
    public static async Task<(int Code, string Output, string Error)> RunAsync(TextReader? input, params string[] arguments)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var code = await CommandLine.InvokeAsync(arguments, output, error, input);
        return (code, output.ToString(), error.ToString());
    }
}
