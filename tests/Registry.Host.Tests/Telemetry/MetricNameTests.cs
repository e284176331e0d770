using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Telemetry;

/// <summary><c>/metrics</c> of a node that has seen something of everything, and what docs/deploy makes of it.</summary>
[Collection(nameof(AloneInTheProcess))]
public sealed partial class MetricNameTests(BusyNode node) : IClassFixture<BusyNode>
{
    // What Prometheus adds by itself.
    private static readonly HashSet<string> OfPrometheus = ["up"];

    private static readonly HashSet<string> Words =
        ["sum", "max", "min", "rate", "increase", "histogram_quantile", "by", "on", "and", "or", "vector", "label_values", "le"];

    private static string Deploy { get; } = Path.GetFullPath(Path.Combine(Programs.SourceFolder, "../../docs/deploy"));

    [Fact]
    public void Every_metric_of_the_dashboard_and_the_alerts_is_there()
    {
        var dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(Deploy, "grafana-dashboard.json"))).RootElement;
        var queries = dashboard.GetProperty("panels").EnumerateArray()
            .Where(panel => panel.TryGetProperty("targets", out _))
            .SelectMany(panel => panel.GetProperty("targets").EnumerateArray().Select(target => target.GetProperty("expr").GetString()!))
            .Append(dashboard.GetProperty("templating").GetProperty("list")[1].GetProperty("query").GetProperty("query").GetString()!)
            .Concat(AlertQueries())
            .ToArray();
        var named = queries.SelectMany(MetricsOf).Except(OfPrometheus).Order().ToArray();

        named.Length.ShouldBeGreaterThan(35);
        named.Except(node.Names).ShouldBeEmpty();
    }

    [Fact]
    public void Every_metric_of_the_registry_has_a_unit_or_counts_things_and_a_line_in_the_documentation()
    {
        var documented = File.ReadAllText(Path.Combine(Deploy, "../operations.md"));
        foreach (var name in node.Families.Where(f => f.StartsWith("registry_", StringComparison.Ordinal) || f.StartsWith("process_", StringComparison.Ordinal)))
            documented.ShouldContain($"`{name}`", customMessage: $"docs/operations.md does not tell of {name}");
    }

    [Fact]
    public void Every_alert_has_its_page_in_the_runbook()
    {
        var headings = File.ReadLines(Path.Combine(Deploy, "../operations.md")).Where(line => line.StartsWith("### ", StringComparison.Ordinal)).Select(line => line[4..].ToLowerInvariant()).ToArray();
        var runbooks = Runbook().Matches(File.ReadAllText(Path.Combine(Deploy, "alerts.yaml"))).Select(match => match.Groups[1].Value).ToArray();

        runbooks.Length.ShouldBe(Alert().Count(File.ReadAllText(Path.Combine(Deploy, "alerts.yaml"))));
        runbooks.Except(headings).ShouldBeEmpty();
    }

    [ProgramFact("promtool")]
    public async Task Prometheus_takes_the_metrics_and_finds_nothing_to_complain_of()
    {
        // What .NET itself counts is named by .NET.
        var own = node.Text.Split('\n').Where(line => !line.Contains("dotnet_", StringComparison.Ordinal));
        using var promtool = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(Programs.Find("promtool")!, ["check", "metrics"])
        { RedirectStandardInput = true, RedirectStandardError = true, RedirectStandardOutput = true })!;
        await promtool.StandardInput.WriteAsync(string.Join('\n', own));
        promtool.StandardInput.Close();
        var output = await promtool.StandardError.ReadToEndAsync() + await promtool.StandardOutput.ReadToEndAsync();
        await promtool.WaitForExitAsync().WaitAsync(Eventually.Patience);

        output.ShouldBe("");
        promtool.ExitCode.ShouldBe(0);
    }

    [ProgramFact("promtool")]
    public async Task The_alerts_fire_on_what_they_are_about()
    {
        var output = await Programs.RunAsync(Programs.Start("promtool", "test", "rules", Path.Combine(Programs.SourceFolder, "Telemetry", "alerts.test.yaml")));

        output.ShouldContain("SUCCESS");
    }

    private static IEnumerable<string> AlertQueries() =>
        Expression().Matches(File.ReadAllText(Path.Combine(Deploy, "alerts.yaml"))).Select(match => match.Groups[1].Value);

    // Names outside of label matchers, groupings and texts.
    private static IEnumerable<string> MetricsOf(string query) =>
        Identifier().Matches(Aside().Replace(query, " ")).Select(match => match.Value).Where(name => !Words.Contains(name) && name != "instance");

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|\b(by|on)\s*\([^)]*\)|,\s*instance\)")]
    private static partial Regex Aside();

    [GeneratedRegex(@"\b[a-z_][a-z0-9_]*\b")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"expr: (?:\|\n)?(.*?)\n        (?:for|labels):", RegexOptions.Singleline)]
    private static partial Regex Expression();

    [GeneratedRegex(@"runbook: docs/operations\.md#(\S+)")]
    private static partial Regex Runbook();

    [GeneratedRegex(@"- alert:")]
    private static partial Regex Alert();
}

/// <summary>A gateway that is a cluster of one and keeps an audit, has made, connected, refused and closed tubes, and was scraped then.</summary>
public sealed class BusyNode : IAsyncLifetime
{
    /// <summary>The answer.</summary>
    public string Text { get; private set; } = "";

    /// <summary>The names of its series, without labels.</summary>
    public IReadOnlyCollection<string> Names => [.. Text.Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line => line[..line.IndexOfAny([' ', '{'])]).Distinct()];

    /// <summary>The names of its metrics, a histogram being one.</summary>
    public IReadOnlyCollection<string> Families => [.. Text.Split('\n').Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line.Split(' ')[2])];

    public async Task InitializeAsync()
    {
        using var folder = new TemporaryFolder();
        await using var gateway = await RealGateway.WithAsync($"registry.cluster {{ enabled = on, port = 0 }}\nregistry.audit.file.path = \"{folder.File("audit")}\"");
        await Eventually.BecomesAsync(true, () => gateway.Http.GetAsync("/readyz").GetAwaiter().GetResult().IsSuccessStatusCode, "readiness");
        await using (var peer = new EchoPeer())
        {
            await peer.ConnectAsync(gateway.Http, "talk");
            await gateway.CloseTubeAsync(peer.TubeId);
        }

        gateway.Http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("text/plain"));
        await Eventually.BecomesAsync(true, () => (Text = gateway.Http.GetStringAsync("/metrics").GetAwaiter().GetResult()).Contains("registry_close_duration_seconds_count", StringComparison.Ordinal), "the close");
    }

    public Task DisposeAsync() => Task.CompletedTask;
}
