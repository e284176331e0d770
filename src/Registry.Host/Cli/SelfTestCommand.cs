using System.CommandLine;
using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli;

/// <summary><c>selftest</c>: a tube from this process to itself through everything. Needs no server.</summary>
internal static class SelfTestCommand
{
    public static Command Create()
    {
        var mebibytes = new Option<int>("--mb") { Description = "MiB to send and get back, 1 to 100000.", HelpName = "N", DefaultValueFactory = _ => 64 }.From(1, 100_000);
        var command = new Command("selftest", "Test this machine: open a tube from this process to itself, send data through a TCP forward and compare it. Needs no gateway.") { mebibytes, SharedOptions.Json };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            var found = await RunAsync(result, result.GetValue(mebibytes), cancellationToken);
            var output = result.InvocationConfiguration.Output;
            if (result.GetValue(SharedOptions.Json))
                await output.WriteLineAsync(JsonSerializer.Serialize(found, ApiJson.Options));
            else
                await WriteAsync(output, found);
            return found.Ok ? ExitCode.Ok : ExitCode.Failed;
        }));
        return command;
    }

    private static async Task<SelfTestResult> RunAsync(ParseResult result, int mebibytes, CancellationToken cancellationToken)
    {
        using var progress = new ProgressLine(CommandConsole.Of(result), "selftest");
        return await SelfTest.RunAsync(mebibytes, progress.Report, cancellationToken);
    }

    private static string Milliseconds(double microseconds) => Amounts.Milliseconds(microseconds / 1000);

    private static async Task WriteAsync(TextWriter output, SelfTestResult found)
    {
        await output.WriteLineAsync($"time to ready   {Amounts.Milliseconds(found.ReadyMs)}");
        await output.WriteLineAsync($"path            {found.Path}");
        await output.WriteLineAsync($"echo            {found.Bytes >> 20} MiB in {found.Seconds} s, {found.MbPerSecond} MB/s each way, SHA-256 {(found.HashesEqual ? "equal" : "DIFFERENT")}");
        await output.WriteLineAsync($"round trip      p50 {Milliseconds(found.P50Us)}, p99 {Milliseconds(found.P99Us)} (100 bytes over TCP), p99 {Milliseconds(found.P99BusyUs)} beside a bulk copy");
        await output.WriteLineAsync($"left open       {(found.LeftOpen == 0 ? "nothing" : $"{found.LeftOpen} tubes and peer connections")}");
        if (typeof(SelfTestCommand).Assembly.GetCustomAttribute<DebuggableAttribute>()?.IsJITOptimizerDisabled == true)
            await output.WriteLineAsync("A Debug build, both ends and the checking in one process: for figures build with -c Release and take 'registry bench'.");
        await output.WriteLineAsync(found.Ok ? "The self-test passed." : "The self-test FAILED.");
    }
}
