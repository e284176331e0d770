using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>Nothing comes over a tube's path, and who should say why does not answer.</summary>
/// <param name="Who">Who that is, for people.</param>
/// <param name="IsNode">Whether it is the tube's node, and the gateway that says so can make a tube elsewhere.</param>
/// <param name="Back">Ends when something comes over the path again.</param>
internal readonly record struct UnansweredPath(string Who, bool IsNode, Task Back);

/// <summary>
/// While nothing comes over a tube's path, asks the gateway each second whether the tube is still there, and when it does not answer the others whether their cluster
/// has given up the tube's node. Nothing is decided about the tube's half in this process, which waits for the path as long as its settings say.
/// </summary>
/// <param name="gateways">The gateways, the one that made the tube first.</param>
/// <param name="tube">The gateway's half.</param>
/// <param name="lost">Told when there is no such tube any more, and how that is known.</param>
/// <param name="stop">Ends it.</param>
internal sealed class SilentPath(IReadOnlyList<GatewayClient> gateways, TubeCreatedBody tube, Action<string> lost, CancellationToken stop)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // A gateway itself asks other nodes for 1 s.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly GatewayClient gateway = gateways[0];
    private readonly Lock gate = new();
    private TaskCompletionSource<UnansweredPath> unanswered = New<UnansweredPath>();
    private TaskCompletionSource<bool> back = New<bool>();
    private bool isSilent;
    private bool isAsking;

    /// <summary>Ends when the gateway was asked and gave no answer; another one once the path came back.</summary>
    public Task<UnansweredPath> Unanswered
    {
        get
        {
            lock (gate)
                return unanswered.Task;
        }
    }

    /// <summary>Ends when nobody is being asked, after the token.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Nothing comes any more.</summary>
    public void Begin()
    {
        lock (gate)
        {
            isSilent = true;
            if (isAsking)
                return;
            isAsking = true;
            Completion = AskAsync();
        }
    }

    /// <summary>It came back.</summary>
    public void End()
    {
        lock (gate)
        {
            if (!isSilent)
                return;
            isSilent = false;
            back.TrySetResult(true);
            back = New<bool>();
            if (unanswered.Task.IsCompleted)
                unanswered = New<UnansweredPath>();
        }
    }

    private static TaskCompletionSource<T> New<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task AskAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (GoesOn())
        {
            if (await IsUnansweredAsync() && await IsNodeLostAsync())
                lost($"The cluster has given up node {tube.Node}, which had it.");
            await Task.Delay(Pause, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Asks the gateway for the tube.</summary>
    /// <returns>Whether the gateway itself gives no answer.</returns>
    private async Task<bool> IsUnansweredAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Patience);
        try
        {
            await gateway.ReadTubeAsync(tube.TubeId, limit.Token);
        }
        catch (GatewayRefusedException e) when (e.Code == RefusalCode.TubeNotFound.Text)
        {
            lost($"The gateway {gateway.Gateway} no longer has the tube.");
        }
        catch (GatewayException e) when (e.IsSilence)
        {
            Tell(e is GatewayRefusedException);
            return e is not GatewayRefusedException;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            Tell(isNode: false);
            return true;
        }
        catch (Exception e) when (e is GatewayException or OperationCanceledException)
        {
            // It answers, and knows no more of the path than this end does; or it is of no interest any more.
        }

        return false;
    }

    // That another gateway does not know the tube may only mean that it is of another cluster. That its cluster lost a node of this name says it, unless two clusters name
    // their nodes alike.
    private async Task<bool> IsNodeLostAsync()
    {
        foreach (var other in gateways.Skip(1))
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(Patience);
            try
            {
                // One that is still a node may only not answer just now.
                if ((await other.ReadNodesAsync(limit.Token)).Items.All(node => node.Node != tube.Node)
                    && (await other.ReadTubesAsync(tube.TubeId, TubeState.Closed.Text, owner: null, cursor: null, limit: 1, limit.Token)).IncompleteNodes.Contains(tube.Node))
                    return true;
            }
            catch (Exception e) when (e is GatewayException or OperationCanceledException)
            {
                // The next one may know, or the path's time ends.
            }
        }

        return false;
    }

    private bool GoesOn()
    {
        lock (gate)
            return isAsking = isSilent && !stop.IsCancellationRequested;
    }

    private void Tell(bool isNode)
    {
        lock (gate)
            if (isSilent)
                unanswered.TrySetResult(new(isNode ? $"node {tube.Node}" : $"the gateway {gateway.Gateway}", isNode, back.Task));
    }
}
