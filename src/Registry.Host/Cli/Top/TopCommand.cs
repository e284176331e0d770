using System.CommandLine;
using System.Diagnostics;

namespace Registry.Host.Cli.Top;

/// <summary><c>top</c>: the tubes of all nodes, live on a terminal, and as snapshots elsewhere.</summary>
internal static class TopCommand
{
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMinutes(1);

    private static readonly Option<TimeSpan?> Interval = new("--interval")
    {
        Description = "Time between two lists, which bring rates and counters, as 500ms or 5s; 2s unless told otherwise. States change at once.",
        HelpName = "TIME",
        CustomParser = argument => TimeArgument.Parse(argument, "--interval", LongestInterval),
    };

    private static readonly Option<int?> Count = new Option<int?>("--count") { Description = "End after so many snapshots; for output that is not a terminal, or --json.", HelpName = "N" }.From(1);

    private static readonly Option<string> Sort = new Option<string>("--sort")
    {
        Description = $"What comes first: {string.Join(", ", TopOrder.All.Select(order => order.Name))}.",
        HelpName = "COLUMN",
        DefaultValueFactory = _ => "rate",
    }.OneOf([.. TopOrder.All.Select(order => order.Name)]);

    private static readonly Option<bool> Reverse = new("--reverse") { Description = "Turn the order round." };

    public static Command Create()
    {
        var command = new Command("top", $"Show the tubes of all nodes live. Keys: {string.Join(", ", TopOrder.All.Select(order => $"{order.Key} {order.Name}"))} sort, i the other way round, q quits. Redirected, or with --json, it prints snapshots.")
        {
            Interval, Count, Sort, Reverse, SharedOptions.Gateway, SharedOptions.KeyFile, SharedOptions.Json,
        };
        command.SetAction((result, _) => CommandLine.RunAsync(result, async cancellationToken =>
        {
            using var gateway = GatewayClient.Of(result);
            var console = CommandConsole.Of(result);
            var session = new TopSession(gateway, result.GetValue(Interval) ?? TimeSpan.FromSeconds(2), TopOrder.All.Single(order => order.Name == result.GetValue(Sort)), result.GetValue(Reverse));
            if (console.IsOutputTerminal && !result.GetValue(SharedOptions.Json))
                await session.ShowAsync(console, cancellationToken);
            else
                await session.PrintAsync(console, result.GetValue(Count) ?? int.MaxValue, result.GetValue(SharedOptions.Json), cancellationToken);
            return ExitCode.Ok;
        }));
        return command;
    }
}

/// <summary>A run of <c>top</c>.</summary>
internal sealed class TopSession(GatewayClient gateway, TimeSpan interval, TopOrder order, bool isReversed)
{
    private static readonly TimeSpan KeyPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly TubeBoard board = new();
    private readonly long started = Stopwatch.GetTimestamp();
    private volatile IReadOnlyList<NodeBody> nodes = [];
    private volatile string? trouble;
    private TopOrder order = order;
    private bool isReversed = isReversed;

    private TopView View => new(DateTimeOffset.UtcNow, nodes, order.Sort(board.Rows, isReversed));

    /// <summary>Prints one snapshot after the other.</summary>
    public async Task PrintAsync(CommandConsole console, int count, bool asJson, CancellationToken cancellationToken)
    {
        for (var printed = 0; printed < count; printed++)
        {
            if (printed > 0)
                await Task.Delay(interval, cancellationToken);
            await ListAsync(cancellationToken);
            var view = View;
            await console.Output.WriteLineAsync(asJson ? view.ToJson() : view.ToText($"{gateway.Gateway} {view.At:yyyy-MM-ddTHH:mm:ssZ}", int.MaxValue, int.MaxValue, isTerminal: false));
            await console.Output.FlushAsync(cancellationToken);
        }
    }

    /// <summary>Shows it on the terminal until a key or the token ends it.</summary>
    public async Task ShowAsync(CommandConsole console, CancellationToken cancellationToken)
    {
        // The first answer says whether there is a gateway at all.
        await ListAsync(cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var following = FollowAsync(stop.Token);
        var listing = KeepListingAsync(stop.Token);
        // The alternate screen, without a cursor: what was on the terminal is there again afterwards.
        await console.Output.WriteAsync("\e[?1049h\e[?25l");
        try
        {
            await DrawUntilQuitAsync(console.Output, stop.Token);
        }
        finally
        {
            await console.Output.WriteAsync("\e[?25h\e[?1049l");
            await console.Output.FlushAsync(CancellationToken.None);
            await stop.CancelAsync();
            await Task.WhenAll(following, listing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task DrawUntilQuitAsync(TextWriter output, CancellationToken cancellationToken)
    {
        (long, int, int, string?, string, bool, long) drawn = default;
        while (!cancellationToken.IsCancellationRequested)
        {
            while (!Console.IsInputRedirected && Console.KeyAvailable)
                if (!Press(Console.ReadKey(intercept: true)))
                    return;
            // Ages count seconds, so the picture is a new one each second at least.
            var now = (board.Version, Console.WindowWidth, Console.WindowHeight, trouble, order.Name, isReversed, DateTimeOffset.UtcNow.ToUnixTimeSeconds());
            if (!Equals(now, drawn))
            {
                drawn = now;
                await DrawAsync(output, Math.Max(Console.WindowWidth, 40), Math.Max(Console.WindowHeight, 5), cancellationToken);
            }

            await Task.Delay(KeyPause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task DrawAsync(TextWriter output, int width, int height, CancellationToken cancellationToken)
    {
        var title = $"{gateway.Gateway}  by {order.Name}{(isReversed ? ", reversed" : "")}; sort: {string.Join(' ', TopOrder.All.Select(each => each.Key))}; i: reverse; q: quit{(trouble is null ? "" : $"  {trouble}")}";
        var text = View.ToText(title, width, height, isTerminal: true);
        var lines = text.Split('\n').Select(line => line.TrimEnd('\r')).Take(height);
        await output.WriteAsync($"\e[H{string.Join("\e[K\r\n", lines).TrimEnd()}\e[K\e[J");
        await output.FlushAsync(cancellationToken);
    }

    private bool Press(ConsoleKeyInfo key)
    {
        if (key.KeyChar is 'q' or 'Q')
            return false;
        if (key.KeyChar == 'i')
            isReversed = !isReversed;
        else if (TopOrder.All.FirstOrDefault(each => each.Key == key.KeyChar) is { } chosen)
            (order, isReversed) = (chosen, false);
        return true;
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        nodes = (await gateway.ReadNodesAsync(cancellationToken)).Items;
        var list = await gateway.ListTubesAsync(cancellationToken: cancellationToken);
        board.Take(list, Stopwatch.GetElapsedTime(started));
        trouble = list.IncompleteNodes.Count == 0 ? null : $"no answer from {string.Join(", ", list.IncompleteNodes)}";
    }

    private async Task KeepListingAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(interval, cancellationToken);
            try
            {
                await ListAsync(cancellationToken);
            }
            catch (GatewayException e)
            {
                trouble = e.Message;
            }
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await foreach (var change in gateway.ReadEventsAsync(cancellationToken: cancellationToken))
                    board.Take(change);
            }
            catch (GatewayException e)
            {
                trouble = e.Message;
            }

            await Task.Delay(RetryPause, cancellationToken);
        }
    }
}
