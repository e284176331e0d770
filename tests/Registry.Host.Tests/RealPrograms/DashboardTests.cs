using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Akka.Configuration;
using Registry.Host.Cli;
using Registry.Host.Security;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;
using Registry.Messages;
using Xunit.Abstractions;

namespace Registry.Host.Tests.RealPrograms;

/// <summary>The page in Chromium. Its pictures are kept in the folder that <c>DASHBOARD_PICTURES</c> names.</summary>
public sealed class DashboardTests(ITestOutputHelper log)
{
    private static readonly string Pictures = Environment.GetEnvironmentVariable("DASHBOARD_PICTURES") ?? "";

    private const string HostileName = "<img src=x onerror=alert(1)>";

    [ProgramFact("chromium", "node", NodePackage = "axe-core")]
    public async Task Every_view_works_for_operators_and_viewers_in_light_and_dark_and_is_accessible()
    {
        using var folder = new TemporaryFolder();
        var (operatorKey, operatorLine) = ApiKeys.Create("operator", [Roles.Operator], null);
        var (viewerKey, viewerLine) = ApiKeys.Create("viewer", [Roles.Viewer], null);
        await File.WriteAllLinesAsync(folder.File("keys"), [operatorLine, viewerLine]);
        await using var server = await ByteServer.StartAsync();
        // One of its tubes stays without an answer for as long as the test takes.
        await using var gateway = await RealGateway.WithKeysAsync(folder.File("keys"), ConfigurationFactory.ParseString("registry { tube.connecting-timeout = 10m, channels.listen = loopback }"), server.EndPoint.ToString());
        gateway.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", operatorKey);
        ForwardedPort port = new ForwardSpecification(new(System.Net.IPAddress.Loopback, 0), server.EndPoint.Address.ToString(), server.EndPoint.Port);
        await using var forward = new RunningForward([port], new GatewayAddress(gateway.Url, operatorKey));
        await forward.NextReadyAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(forward.Listen);
        await Eventually.BecomesAsync(1, () => server.Open, "connections");
        var carrying = gateway.Registry.Directory.List().ShouldHaveSingleItem().TubeId.ToString();
        var hostile = await gateway.CreateTubeAsync(HostileName, owner: "<b>nobody</b>", settings: new { conversationType = "tunnel", local_listen_addr = "127.0.0.1:0" });

        var minor = await RunAsync("dashboard.mjs", gateway.Url, Pictures, operatorKey, viewerKey, carrying, server.EndPoint.ToString(), hostile, HostileName);

        log.WriteLine(minor);
        gateway.Registry.Directory.TryGet(new TubeId(hostile), out _).ShouldBeFalse();
    }

    /// <summary>With <c>DASHBOARD_TUBES=10000</c>, measures the page for ten seconds; without, only that it lists thousands in a few rows.</summary>
    [ProgramFact("chromium", "node", NodePackage = "playwright-core")]
    public async Task Thousands_of_tubes_that_change_are_a_few_rows_of_the_page()
    {
        var measured = Environment.GetEnvironmentVariable("DASHBOARD_TUBES");
        var tubes = int.Parse(measured ?? "2000", CultureInfo.InvariantCulture);
        await using var gateway = await ScriptedGateway.StartAsync();
        var registry = gateway.Registry;
        registry.Nodes = [new("test-node", "", NodeState.Up) { Capacity = new() { CanAcceptMore = true, Tubes = tubes, MaxTubes = 20_000, MaxConcurrentCreates = 100 }, Version = "0.1.0", Since = DateTimeOffset.UtcNow }];
        foreach (var tube in Enumerable.Range(0, tubes).Select(Tube))
        {
            registry.Tubes.Add(tube.TubeId, tube);
            registry.Emit(new TubeListed(tube));
        }

        registry.Emit(new TubesListed("1", "test-node"));
        using var stop = new CancellationTokenSource();
        var changing = ChangeAsync(registry, stop.Token);
        log.WriteLine(await RunAsync("dashboard-scale.mjs", gateway.Url, Pictures, $"{tubes}", measured is null ? "0.5" : "10"));
        await stop.CancelAsync();
        await changing;
    }

    // A hundred changes a second: each twentieth of a second a tube ends, the one that ended before starts anew, and three change their state.
    private static async Task ChangeAsync(ScriptedRegistry registry, CancellationToken stop)
    {
        var random = new Random(1);
        var ids = registry.Tubes.Keys.ToArray();
        var number = 1;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var ended = ids[0]; !stop.IsCancellationRequested; await timer.WaitForNextTickAsync(stop).AsTask().ContinueWith(_ => { }, TaskScheduler.Default))
        {
            Emit(new ConnectionStateChanged(ended, 1, DateTimeOffset.UtcNow, TubeState.Connecting));
            ended = Any();
            Emit(new TubeClosed(ended, 9, DateTimeOffset.UtcNow, CloseReason.ConnectionLost, "no answer"));
            foreach (var state in new[] { TubeState.Ready, TubeState.Disconnected, TubeState.Ready })
                if (Any() is var tube && tube != ended)
                    Emit(new ConnectionStateChanged(tube, 2, DateTimeOffset.UtcNow, state));
        }

        TubeId Any() => ids[random.Next(ids.Length)];

        void Emit(TubeSignal signal) => registry.Emit(new TubeSignalled($"{++number}", signal));
    }

    private static TubeSnapshot Tube(int number) => new(TubeId.NewId(), "test-node", TubeState.Ready)
    {
        Owner = $"team-{number % 37}",
        Conversations = [new(new($"conversation-{number}"), "tunnel", true) { Target = $"10.0.{number / 250}.{number % 250}:5432" }],
        History = [new(TubeState.New, DateTimeOffset.UtcNow.AddSeconds(-number)), new(TubeState.Ready, DateTimeOffset.UtcNow.AddSeconds(-number + 1))],
        SelectedPair = "host/srflx",
    };

    private static Task<string> RunAsync(string script, Uri page, params string[] arguments) =>
        Programs.RunAsync(Programs.Start("node", [Path.Combine(Programs.SourceFolder, "RealPrograms", script), page.ToString(), Programs.NodePackages, .. arguments]), Programs.ScriptPatience);
}
