using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Registry.Host.Cli.Bench;
using Registry.WebRtc;

namespace Registry.Host.Cli;

/// <summary><c>bench TEST</c>: the same tests, options and JSON keys as the programs in <c>peers/</c>, and <c>fairness</c>, <c>cycles</c>, <c>admission</c>, <c>http</c> and <c>bad-requests</c>, which are the registry's own.</summary>
internal static class BenchCommand
{
    private static readonly JsonSerializerOptions Figures = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    public static Command Create()
    {
        var test = new Argument<string>("what") { HelpName = "what", Description = "connect, bulk, tput, fairness, latency, footprint, cycles, admission, http or bad-requests." };
        test.OneOf("connect", "bulk", "tput", "fairness", "latency", "footprint", "cycles", "admission", "http", "bad-requests");
        var count = new Option<int?>("--n", "-n") { Description = "Pairs, rounds of the ping-pong, cycles, creates at once or (http) per second, or bad requests." };
        var size = new Option<int>("--size") { Description = "Message size in bytes.", DefaultValueFactory = _ => 16384 };
        var mebibytes = new Option<int>("--mb") { Description = "MiB to send.", DefaultValueFactory = _ => 512 };
        var seconds = new Option<double>("--secs") { Description = "Longest time to send, or (http) to create, in seconds.", DefaultValueFactory = _ => 20 };
        var relay = new Option<string?>("--relay") { Description = "The two ports of a userspace relay between the ends.", HelpName = "PA,PB" };
        var control = new Option<CongestionControl>("--congestion-control") { Description = "How SCTP decides how much it sends." };
        var idle = new Option<double>("--idle") { Description = "Seconds to measure idle connections.", DefaultValueFactory = _ => 20 };
        var watchers = new Option<int>("--watchers") { Description = "Clients of /v1/events while creates come over HTTP.", DefaultValueFactory = _ => 50 };
        var answered = new Option<int>("--peers") { Description = "Of 100 creates over HTTP, how many have a peer that connects; the tubes of the others wait for one.", DefaultValueFactory = _ => 100 };
        var limited = new Option<bool>("--limited") { Description = "Leave the limit on requests per second on, which refuses most of the bad ones." };
        var command = new Command("bench", "Measure the WebRTC stack, or registries over it (cycles, admission), with both ends in this process, or a gateway beside it over HTTP (http, bad-requests); prints one line of JSON.") { test, count, size, mebibytes, seconds, relay, control, idle, watchers, answered, limited };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            var name = result.GetRequiredValue(test);
            var n = result.GetValue(count);
            var figures = name switch
            {
                "connect" => await Benchmarks.ConnectAsync(n ?? 20),
                "bulk" => await Benchmarks.BulkAsync(n ?? 50),
                "tput" => await Benchmarks.ThroughputAsync(result.GetValue(size), result.GetValue(mebibytes), TimeSpan.FromSeconds(result.GetValue(seconds)), ReadRelay(result.GetValue(relay)), result.GetValue(control)),
                "fairness" => await FairnessBenchmark.RunAsync(n ?? 200, result.GetValue(size), TimeSpan.FromSeconds(result.GetValue(seconds)), result.GetValue(control)),
                "latency" => await Benchmarks.LatencyAsync(n ?? 10000, 100),
                "cycles" => await CycleBenchmark.RunAsync(n ?? 10000),
                "http" => await HttpLoad.RunAsync(n ?? 200, TimeSpan.FromSeconds(result.GetValue(seconds)), result.GetValue(watchers), result.GetValue(answered), cancellationToken),
                "bad-requests" => await BadRequestLoad.RunAsync(n ?? 100_000, result.GetValue(limited), cancellationToken),
                "admission" => await AdmissionBenchmark.RunAsync(n ?? 200),
                _ => await Benchmarks.FootprintAsync(n ?? 100, TimeSpan.FromSeconds(result.GetValue(idle))),
            };
            var line = new Dictionary<string, object?> { ["peer"] = "registry", ["test"] = name };
            foreach (var (key, value) in figures)
                line[key] = value;
            await result.InvocationConfiguration.Output.WriteLineAsync(JsonSerializer.Serialize(line, Figures));
            return ExitCode.Ok;
        }));
        return command;
    }

    private static RelayPorts? ReadRelay(string? text)
    {
        try
        {
            return text is null ? null : RelayPorts.Parse(text);
        }
        catch (FormatException e)
        {
            throw CommandException.Usage(e.Message);
        }
    }
}
