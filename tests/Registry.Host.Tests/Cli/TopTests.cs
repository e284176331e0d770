using System.Text.Json;
using Registry.Host.Api;
using Registry.Host.Cli;
using Registry.Host.Cli.Top;
using Registry.Host.Serving;
using Registry.Host.Tests.Api;
using Registry.Host.Tests.EndToEnd;
using Registry.Host.Tests.RealPrograms;
using Registry.Messages;

namespace Registry.Host.Tests.Cli;

public sealed class TopTests
{
    [Fact]
    public async Task Where_no_terminal_is_it_prints_snapshots()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Nodes = [new("node-1", "", NodeState.Up) { Capacity = gateway.Registry.Capacity }];
        foreach (var (id, state) in new[] { ("t2", TubeState.Ready), ("t1", TubeState.Ready), ("t3", TubeState.Connecting) })
            gateway.Registry.Tubes[new(id)] = new(new(id), "node-1", state) { Owner = "anna" };

        var (code, output, error) = await Commands.RunAsync("top", "--json", "--count", "2", "--interval", "1ms", "--sort", "tube", "--gateway", gateway.Url.ToString());

        code.ShouldBe(0, error);
        var lines = output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(2);
        var snapshot = JsonDocument.Parse(lines[1]).RootElement;
        snapshot.GetProperty("total").GetInt32().ShouldBe(3);
        snapshot.GetProperty("byState").GetProperty("ready").GetInt32().ShouldBe(2);
        snapshot.GetProperty("nodes")[0].GetProperty("node").GetString().ShouldBe("node-1");
        snapshot.GetProperty("tubes").EnumerateArray().Select(tube => tube.GetProperty("tubeId").GetString()).ShouldBe(["t1", "t2", "t3"]);
        snapshot.GetProperty("tubes")[0].GetProperty("bytes").GetInt64().ShouldBe(30);

        (_, output, _) = await Commands.RunAsync("top", "--count", "1", "--gateway", gateway.Url.ToString());
        output.ShouldContain("3 tubes: 2 ready, 1 connecting");
        output.ShouldContain("anna");
        output.ShouldNotContain("\e");
    }

    [Fact]
    public void What_a_gateway_says_does_not_act_on_the_terminal()
    {
        var view = new TopView(DateTimeOffset.UnixEpoch, [], [new(Tube("a", 1) with { State = "read\e[2Jy", Owner = "an\u009bna" }, null)]);

        var text = view.ToText("http://gateway/  no answer from n\e[2Jode", 200, 10, isTerminal: false);

        text.Split(Environment.NewLine).ShouldAllBe(line => !line.Any(char.IsControl));
        text.ShouldContain("no answer from n[2Jode");
    }

    [Fact]
    public void Events_change_it_at_once_and_lists_bring_rates()
    {
        var board = new TubeBoard();
        board.Take(new GatewayEvent("0") { Tube = Tube("a", 1) });
        board.Take(new([Tube("a", 1000), Tube("b", 0)]), TimeSpan.Zero);
        Row(board, "a").BytesPerSecond.ShouldBeNull();
        board.Take(new([Tube("a", 5000), Tube("b", 0)]), TimeSpan.FromSeconds(2));
        Row(board, "a").BytesPerSecond.ShouldBe(2000);

        board.Take(new GatewayEvent("1") { Signal = new("a", 1, DateTimeOffset.UnixEpoch, "connection_state_changed") { State = "closing" } });
        board.Take(new GatewayEvent("2") { Tube = Tube("c", 0) });
        board.Take(new GatewayEvent("3") { Signal = new("b", 9, DateTimeOffset.UnixEpoch, "tube_closed") });
        board.Take(new GatewayEvent("4") { Listed = new("node-1") });

        board.Rows.Select(row => row.Tube.TubeId).Order().ShouldBe(["a", "c"]);
        Row(board, "a").Tube.State.ShouldBe("closing");
        Row(board, "a").BytesPerSecond.ShouldBe(2000);
        // Those of a node that did not answer stay, the others are gone.
        board.Take(new([Tube("c", 70), Tube("d", 0, "node-2")]), TimeSpan.FromSeconds(2.5));
        Row(board, "c").BytesPerSecond.ShouldBeNull(); // what it carried before is no rate
        board.Take(new([Tube("d", 0, "node-2")]), TimeSpan.FromSeconds(3));
        board.Take(new([Tube("e", 0)]) { IncompleteNodes = ["node-2"] }, TimeSpan.FromSeconds(4));
        board.Rows.Select(row => row.Tube.TubeId).Order().ShouldBe(["d", "e"]);
    }

    [Fact]
    public void Each_order_sorts_and_is_turned_round()
    {
        TubeRow[] rows = [new(Tube("b", 5), 1), new(Tube("a", 9), 7), new(Tube("c", 9), 7)];
        TopOrder.All.Single(order => order.Name == "rate").Sort(rows, false).Select(row => row.Tube.TubeId).ShouldBe(["a", "c", "b"]);
        TopOrder.All.Single(order => order.Name == "rate").Sort(rows, true).Select(row => row.Tube.TubeId).ShouldBe(["b", "a", "c"]);
        TopOrder.All.Single(order => order.Name == "tube").Sort(rows, false).Select(row => row.Tube.TubeId).ShouldBe(["a", "b", "c"]);
        TopOrder.All.Select(order => order.Key).Concat("iq").ShouldBeUnique();
        foreach (var order in TopOrder.All)
            order.Sort(rows, false).Count.ShouldBe(3);
    }

    [Fact]
    public void It_fits_on_the_terminal()
    {
        var view = new TopView(DateTimeOffset.UnixEpoch, [], [.. Enumerable.Range(0, 50).Select(number => new TubeRow(Tube($"a-rather-long-id-of-a-tube-{number}", 5), 1))]);

        var lines = view.ToText("title", 40, 10, isTerminal: true).Replace("\e[1m", "", StringComparison.Ordinal).Replace("\e[0m", "", StringComparison.Ordinal).Split(Environment.NewLine);

        lines.Length.ShouldBe(10);
        lines.ShouldAllBe(line => line.Length <= 40);
        lines[2].ShouldStartWith("TUBE");
        lines[9].ShouldStartWith("a-rather  ready");
        view.ToText("title", int.MaxValue, int.MaxValue, isTerminal: false).Split(Environment.NewLine).Length.ShouldBe(53);
    }

    [ProgramFact("script")]
    public async Task On_a_terminal_it_follows_events_and_q_ends_it()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.Registry.Tubes[new("tube-at-first")] = new(new("tube-at-first"), "node-1", TubeState.Ready);
        // The terminal that 'script' makes has no size of its own.
        var command = $"stty rows 30 cols 160; exec dotnet '{typeof(Gateway).Assembly.Location}' top --interval 1m --gateway {gateway.Url}";
        using var top = new System.Diagnostics.Process
        {
            StartInfo = new(Programs.Find("script")!, ["-qec", command, "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true, Environment = { ["TERM"] = "xterm" } },
        };
        top.Start();
        try
        {
            (await ReadUntilAsync(top.StandardOutput, "tube-at-first")).ShouldContain("  by rate; sort: r b a s o n t; i: reverse; q: quit");
            gateway.Registry.Emit(new TubeListed(new(new("tube-that-came"), "node-1", TubeState.Ready)));
            await ReadUntilAsync(top.StandardOutput, "tube-that-came");
            await top.StandardInput.WriteAsync('t');
            await top.StandardInput.FlushAsync();
            await ReadUntilAsync(top.StandardOutput, "by tube");
            await top.StandardInput.WriteAsync('q');
            await top.StandardInput.FlushAsync();
            await ReadUntilAsync(top.StandardOutput, "\e[?1049l");
            await top.WaitForExitAsync().WaitAsync(Eventually.Patience);
            top.ExitCode.ShouldBe(0);
        }
        finally
        {
            if (!top.HasExited)
                top.Kill(entireProcessTree: true);
        }
    }

    private static async Task<string> ReadUntilAsync(StreamReader reader, string text)
    {
        var seen = new System.Text.StringBuilder();
        var buffer = new char[4096];
        while (!seen.ToString().Contains(text, StringComparison.Ordinal))
        {
            var length = await reader.ReadAsync(buffer).AsTask().WaitAsync(Eventually.Patience);
            if (length == 0)
                throw new InvalidOperationException($"It ended: {seen}");
            seen.Append(buffer, 0, length);
        }

        return seen.ToString();
    }

    private static TubeRow Row(TubeBoard board, string id) => board.Rows.Single(row => row.Tube.TubeId == id);

    private static TubeBody Tube(string id, long bytes, string node = "node-1") =>
        new(id, node, "ready", true, DateTimeOffset.UnixEpoch) { Conversations = [], History = [], Traffic = new(bytes, 0, 0, 0, null) };
}
