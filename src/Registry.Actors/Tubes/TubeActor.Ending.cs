using Akka.Actor;
using Akka.Event;
using Registry.Actors.Channels;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>How a tube ends: by failure, by deadline, by an orderly close; and the one release.</summary>
internal sealed partial class TubeActor
{
    private void Expire()
    {
        var deadline = TubeStates.DeadlineOf(state, node.Settings)!.Value;
        node.Admission.CountStale();
        if (state == TubeState.Initializing)
            refusal = new(RefusalCode.CreateTimeout, $"{deadline.Text} Try again.") { TubeId = id };
        Fail(deadline.Reason, deadline.Text);
    }

    private void Fail(CloseReason reason, string text)
    {
        end ??= new(reason, text);
        Enter(TubeState.Failed);
        Context.Stop(Self);
    }

    private void FailByConnection()
    {
        if (connection?.Failure is not { } failure)
        {
            end ??= new(CloseReason.Normal, "The peer closed the connection.");
            refusal ??= new(RefusalCode.CreateFailed, "The peer connection closed while it was being made.");
            closedByPeer = true;
            Enter(TubeState.Closing);
            Become(Closing);
            CloseConnectionWhenChannelsEnded(); // The peer may have told them why; they are about to say so.
            return;
        }

        var wasConnected = history.Any(h => h.State is TubeState.Active or TubeState.Ready);
        var reason = failure.Kind switch
        {
            PeerConnectionFailureKind.ConsentExpired => CloseReason.ConnectionLost,
            PeerConnectionFailureKind.SctpFailed when wasConnected => CloseReason.ConnectionLost,
            _ => CloseReason.ConnectionFailed,
        };
        refusal ??= new(RefusalCode.CreateFailed, $"The peer connection failed: {failure.Message}");
        Fail(reason, failure.Message);
    }

    // The polite part: tell the peer, let what was sent arrive, then stop. Everything it does PostStop can do at once.
    private void BeginClose(CloseTube command)
    {
        closers.Add(Sender);
        end ??= new(command.Reason, command.Text ?? command.Reason.Message);
        var isConnected = state is TubeState.Active or TubeState.Ready;
        Enter(TubeState.Closing);
        Become(Closing);
        if (!isConnected)
        {
            Context.Stop(Self);
            return;
        }

        foreach (var channel in channels.Values.Where(c => c.IsOpen))
            channel.Conversation!.Close(command.Reason, end.Value.Text);
        CloseConnectionWhenChannelsEnded();
    }

    private void CloseConnectionWhenChannelsEnded()
    {
        if (!AnyOpen)
            connection!.DisposeAsync().AsTask().PipeTo(self, success: () => PeerConnectionClosed.Instance, failure: WorkFailed.From);
    }

    protected override void PostStop()
    {
        if (crash is not null)
        {
            end ??= new(CloseReason.Error, $"The tube failed: {crash.GetType().Name}: {crash.Message}");
            refusal ??= new(RefusalCode.CreateFailed, $"The tube failed: {crash.Message}") { TubeId = id };
        }

        var why = end ??= new(CloseReason.NodeStopped, "The registry stopped.");
        if (state is not (TubeState.Failed or TubeState.Closing))
            Release("state", () => Enter(crash is null ? TubeState.Closing : TubeState.Failed));
        Release("tasks", stop.Cancel);
        foreach (var channel in channels.Values)
            Release("conversation", () => channel.Conversation?.Dispose());
        foreach (var channel in channels.Values)
            Release("data channel", () => channel.DataChannel?.Close());
        Release("events", () => detach?.Invoke());
        if (connection is not null)
            Release("peer connection", () => _ = DisposeAsync(connection, log));
        Release("timers", Timers.CancelAll);
        Release("channels", () =>
        {
            foreach (var channel in channels.Values.ToArray())
                EndChannel(channel, why, "tube_closed");
        });
        Release("signals", () =>
        {
            Enter(TubeState.Closed);
            Signal((t, n) => new TubeClosed(t, n, Now, why.Reason!.Value, why.Text));
        });
        signals.Complete();
        if (entry is not null)
            Release("directory", () => node.Directory.Remove(entry));
        Release("create", () => first.Answer(refusal ?? new(RefusalCode.CreateFailed, why.Text) { TubeId = id }, MonotonicNow()));
        foreach (var closer in closers)
            closer.Tell(Done.Instance);
        log.Info("Tube {TubeId} closed: {Reason}: {Text}", id, why.Reason!.Value.Name, why.Text);
    }

    // A step that fails must not keep the next from being done.
    private void Release(string what, Action step)
    {
        try
        {
            step();
        }
        catch (Exception e)
        {
            log.Error(e, "Tube {TubeId} could not release {Resource}", id, what);
        }
    }

    private static async Task DisposeAsync(IPeerConnection connection, ILoggingAdapter log)
    {
        try
        {
            await connection.DisposeAsync();
        }
        catch (Exception e)
        {
            log.Error(e, "A peer connection failed to close");
        }
    }
}
