using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>Nothing comes over a tube's path, and who should say why does not answer.</summary>
/// <param name="Who">Who that is, for people.</param>
/// <param name="IsNode">Whether it is the tube's node, and the gateway that says so can make a tube elsewhere.</param>
/// <param name="Back">Ends when something comes over the path again.</param>
internal readonly record struct UnansweredPath(string Who, bool IsNode, Task Back);

/// <summary>
/// While nothing comes over a tube's path, asks the gateway each second whether the tube is still there. Nothing is decided about the tube's half in this process,
/// which waits for the path as long as its settings say.
/// </summary>
/// <param name="gateway">The gateway that made the tube.</param>
/// <param name="tube">The gateway's half.</param>
/// <param name="lost">Told when the gateway has no such tube.</param>
/// <param name="stop">Ends it.</param>
internal sealed class SilentPath(GatewayClient gateway, TubeCreatedBody tube, Action lost, CancellationToken stop)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // A gateway itself asks other nodes for 1 s.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

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
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(Patience);
            try
            {
                await gateway.ReadTubeAsync(tube.TubeId, limit.Token);
            }
            catch (GatewayRefusedException e) when (e.Code == RefusalCode.TubeNotFound.Text)
            {
                lost();
            }
            catch (GatewayException e) when (e.IsSilence)
            {
                Tell(e is GatewayRefusedException);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                Tell(isNode: false);
            }
            catch (Exception e) when (e is GatewayException or OperationCanceledException)
            {
                // It answers, and knows no more of the path than this end does; or it is of no interest any more.
            }

            await Task.Delay(Pause, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
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
