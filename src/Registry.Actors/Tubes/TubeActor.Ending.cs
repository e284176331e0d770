using System.Diagnostics;
using Akka.Actor;
using Akka.Event;
using Registry.Actors.Channels;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>How a tube ends: by failure, by deadline, by an orderly close; and the one release.</summary>
internal sealed partial class TubeActor
{
    private long? endingSince; // timestamp of the decision

    private void Expire()
    {
        var rule = TubeStates.RuleOf(state);
        var text = rule.Explain(node.Settings);
        node.Admission.CountStale();
        node.Metrics.DeadlineHit(state);
        if (state == TubeState.Initializing)
            refusal = new(RefusalCode.CreateTimeout, $"{text} Try again.") { TubeId = id };
        Fail(rule.Reason, text);
    }

    private void Fail(CloseReason reason, string text)
    {
        end ??= new(reason, text);
        endingSince ??= node.Time.GetTimestamp();
        Enter(TubeState.Failed);
        Context.Stop(Self);
    }

    private void FailByConnection()
    {
        if (connection?.Failure is not { } failure)
        {
            end ??= peersWord ?? new(CloseReason.Normal, "The peer closed the connection.");
            refusal ??= new(RefusalCode.CreateFailed, "The peer connection closed while it was being made.");
            endingSince = node.Time.GetTimestamp();
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
        var text = $"The peer connection failed: {failure.Message.TrimEnd('.')}.";
        refusal ??= new(RefusalCode.CreateFailed, text);
        Fail(reason, text);
    }

    // The polite part: tell the peer, let what was sent arrive, then stop. Everything it does PostStop can do at once.
    private void BeginClose(CloseTube command)
    {
        endingSince = node.Time.GetTimestamp();
        end ??= ChannelEnd.AskedFor(command.Reason, command.Text ?? WhyLeft(command.Reason), command.Caller);
        var isConnected = state is TubeState.Active or TubeState.Ready;
        Enter(TubeState.Closing);
        Become(Closing);
        if (!isConnected)
        {
            Context.Stop(Self);
            return;
        }

        foreach (var channel in channels.Values.Where(c => c.IsOpen))
            channel.Conversation!.Close(command.Reason, end.Value.Text, end.Value.ClosedBy);
        CloseConnectionWhenChannelsEnded();
    }

    // Whoever reads of a drain's tubes wants to know which of them moved.
    private string? WhyLeft(CloseReason reason) =>
        reason == CloseReason.Client && node.Admission.IsDraining ? "The client ended it: the node goes out of service and told it to move." : null;

    private void CloseConnectionWhenChannelsEnded()
    {
        if (!AnyOpen)
            connection!.DisposeAsync().AsTask().PipeTo(self, success: () => PeerConnectionClosed.Instance, failure: WorkFailed.From);
    }

    protected override void PostStop()
    {
        var outer = Activity.Current;
        Activity.Current = trace.Ambient;
        ReleaseAll();
        Activity.Current = outer;
    }

    private void ReleaseAll()
    {
        if (crash is not null)
        {
            end ??= new(CloseReason.Error, $"The tube failed: {crash.GetType().Name}: {crash.Message}");
            refusal ??= new(RefusalCode.CreateFailed, $"The tube failed: {crash.Message}") { TubeId = id };
        }

        var why = end ??= new(CloseReason.NodeStopped, "The registry stopped.");
        endingSince ??= node.Time.GetTimestamp();
        if (state is not (TubeState.Failed or TubeState.Closing))
            Release("state", () => Enter(crash is null ? TubeState.Closing : TubeState.Failed));
        Release("tasks", stop.Cancel);
        foreach (var channel in channels.Values)
            _ = channel.Held?.ReleaseAsync(log);
        foreach (var channel in channels.Values)
            Release("data channel", () => channel.DataChannel?.Close());
        Release("events", () => detach?.Invoke());
        Release("bandwidth", flow.Dispose);
        _ = heldConnection?.ReleaseAsync(log);
        Release("timers", Timers.CancelAll);
        Release("channels", () =>
        {
            foreach (var channel in channels.Values.ToArray())
                EndChannel(channel, channel.Closing ?? why, "tube_closed");
        });
        _ = heldMetrics?.ReleaseAsync(log);
        Release("state", () => Enter(TubeState.Closed));
        Release("signals", () =>
        {
            Signal((t, n) => new TubeClosed(t, n, Now, why.Reason!.Value, why.Text));
        });
        signals.Complete();
        Release("audit", () => audit.End(why.Reason!.Value, why.Text, why.ClosedBy, entry.Snapshot.Traffic.BytesSent, entry.Snapshot.Traffic.BytesReceived));
        Release("read-model", () =>
        {
            entry.Connection = null;
            node.Directory.Remove(entry);
        });
        Release("create", () => Answer(first, refusal ?? new(RefusalCode.CreateFailed, why.Text) { TubeId = id }));
        Release("metrics", () => node.Metrics.TubeClosed(why.Reason!.Value, Age, node.Time.GetElapsedTime(endingSince.Value)));
        Release("trace", () => trace.Ended(why.Reason!.Value));
        if (why.ClosedBy is { } caller)
            log.Info("Tube {TubeId} of conversation {ConversationId} closed by {Caller}: {Reason}: {Text}", id, first.Command.ConversationId, caller, why.Reason!.Value.Name, why.Text);
        else
            log.Info("Tube {TubeId} of conversation {ConversationId} closed: {Reason}: {Text}", id, first.Command.ConversationId, why.Reason!.Value.Name, why.Text);
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
}
