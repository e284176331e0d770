using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Akka.Configuration;
using Registry.Host.Api;
using Registry.Host.Serving;

namespace Registry.Host.Cli.Diagnosis;

/// <summary><c>diag</c>: a bundle for whoever helps, without secrets.</summary>
internal static class DiagCommand
{
    private const int MaxLogLines = 2000;
    private const int MaxLogBytes = 4 << 20;

    // As --version says it, with the commit.
    private static readonly string? Version = typeof(DiagCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

    private static readonly Option<string?> Out = new("--out") { Description = "New file for the bundle; registry-diag-TIME.tar.gz here unless told otherwise.", HelpName = "FILE.tar.gz" };

    private static readonly Option<string?> Log = new("--log") { Description = $"File with the gateway's log, whose last {MaxLogLines} lines go in; with systemd: journalctl -u tube-registry > FILE.", HelpName = "FILE" };

    public static Command Create()
    {
        var command = new Command("diag", "Write a file (tar.gz) for whoever helps you: version, configuration without secrets, facts of the machine, log, and what the gateway says of itself. Says what is in it; what cannot be had is noted in it.")
        {
            Out, Log, ServeCommand.ConfigFile, ServeCommand.Set, SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json,
        };
        command.SetAction((result, _) => CommandLine.RunAsync(result, cancellationToken => RunAsync(result, cancellationToken)));
        return command;
    }

    private static async Task<ExitCode> RunAsync(ParseResult result, CancellationToken cancellationToken)
    {
        var now = DateTimeOffset.UtcNow;
        var file = result.GetValue(Out) ?? string.Create(CultureInfo.InvariantCulture, $"registry-diag-{now:yyyyMMddTHHmmssZ}.tar.gz");
        var problems = new List<string>();
        var config = ReadConfiguration(result, problems);
        var key = GatewayKey.Read(result);
        var redaction = new Redaction([.. ConfigurationExport.Secrets(config ?? Config.Empty), .. key is null ? Array.Empty<string>() : [key]]);
        var bundle = new DiagnosisBundle(redaction);
        using var gateway = GatewayClient.Of(result);
        bundle.AddJson("version.json", new { Version, At = now, Gateway = gateway.Gateway.ToString() });
        if (config is not null)
            bundle.AddJson("configuration.json", ConfigurationExport.Of(config));
        bundle.AddJson("environment.json", MachineFacts.Read());
        if (result.GetValue(Log) is { } log)
        {
            if (config is null)
                problems.Add("log.txt: what of it are secrets is in the configuration, which cannot be read. Mend that, or look through the log yourself and send it beside.");
            else
                await TryAsync("log.txt", async () => bundle.Add("log.txt", await ReadLogAsync(log, cancellationToken)), problems);
        }

        await AskAsync(gateway, bundle, problems, cancellationToken);
        problems = [.. problems.Select(redaction.Clean)];
        if (problems.Count > 0)
            bundle.Add("problems.txt", string.Join('\n', problems));
        await bundle.WriteAsync(file, now, cancellationToken);

        var console = CommandConsole.Of(result);
        foreach (var problem in problems)
            await console.Error.WriteLineAsync(PlainText.Of($"registry: the bundle lacks {problem}"));
        await console.Output.WriteLineAsync(result.GetValue(SharedOptions.Json) ? JsonSerializer.Serialize(new { File = file, Problems = problems }, ApiJson.Options) : file);
        if (!result.GetValue(SharedOptions.Json))
            await console.Error.WriteLineAsync(Contents(bundle.Names, result.GetValue(Log), config is not null));
        return ExitCode.Ok;
    }

    private static string Contents(IReadOnlyList<string> names, string? log, bool isConfigurationRead) =>
        $"""
        It holds {string.Join(", ", names)}.
        Keys, tokens and the configuration's secrets are taken out of all of them. {(names.Contains("log.txt") ? "Addresses, target rules and the rest of the log" : "Addresses and target rules")} are in it: look whether you want to send them.
        """ + (names.Contains("log.txt") ? ""
            : $"{Environment.NewLine}The gateway's log is not in it{(log is null ? ": --log FILE adds it" : isConfigurationRead ? $": {PlainText.Of(log)} could not be read" : ", because the configuration could not be read")}.");

    // Also where settings are wrong: what of it are secrets has to be known, and what is wrong is what is looked for. Null when it cannot be read at all.
    private static Config? ReadConfiguration(ParseResult result, List<string> problems)
    {
        try
        {
            var (config, faults, sources) = GatewayConfiguration.Inspect(result.GetValue(ServeCommand.ConfigFile), result.GetValue(ServeCommand.Set) ?? []);
            problems.AddRange(faults.Select(fault => $"a good configuration: {fault}"));
            // What stands in the settings that are left out of it may be a secret.
            return sources.All(source => source.Faults.Count == 0) ? config : null;
        }
        catch (CommandException e)
        {
            problems.Add($"the configuration: {e.Message}");
            return null;
        }
    }

    private static async Task AskAsync(GatewayClient gateway, DiagnosisBundle bundle, List<string> problems, CancellationToken cancellationToken)
    {
        await TryAsync("capacity.json", async () => bundle.AddJson("capacity.json", await gateway.ReadCapacityAsync(cancellationToken)), problems);
        await TryAsync("nodes.json", async () => bundle.AddJson("nodes.json", (await gateway.ReadNodesAsync(cancellationToken)).Items), problems);
        await TryAsync("tubes.json", async () => bundle.AddJson("tubes.json", Summary(await gateway.ListTubesAsync(cancellationToken: cancellationToken))), problems);
        await TryAsync("metrics.txt", async () => bundle.Add("metrics.txt", await gateway.ReadMetricsAsync(cancellationToken)), problems);
    }

    private static async Task TryAsync(string what, Func<Task> work, List<string> problems)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is GatewayException or IOException or UnauthorizedAccessException)
        {
            problems.Add($"{what}: {e.Message}");
        }
    }

    // Counts only: whose tubes they are and where they lead is nobody else's business.
    private static object Summary(ListBody<TubeBody> tubes) => new
    {
        Total = tubes.Items.Count,
        ByState = Count(tubes.Items, tube => tube.State),
        ByNode = Count(tubes.Items, tube => tube.Node),
        ByPath = Count(tubes.Items, tube => tube.SelectedPair ?? "none"),
        ByType = Count(tubes.Items.SelectMany(tube => tube.Conversations), conversation => conversation.Type),
        Oldest = tubes.Items.Count == 0 ? (DateTimeOffset?)null : tubes.Items.Min(tube => tube.CreatedAt),
        tubes.IncompleteNodes,
    };

    private static Dictionary<string, int> Count<T>(IEnumerable<T> items, Func<T, string> by) => items.CountBy(by).ToDictionary(group => group.Key, group => group.Value);

    private static async Task<string> ReadLogAsync(string file, CancellationToken cancellationToken)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Seek(-Math.Min(stream.Length, MaxLogBytes), SeekOrigin.End);
        using var reader = new StreamReader(stream);
        var lines = (await reader.ReadToEndAsync(cancellationToken)).Split('\n');
        return string.Join('\n', lines.TakeLast(MaxLogLines));
    }
}
