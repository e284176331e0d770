using System.Diagnostics.CodeAnalysis;
using Akka.Actor;
using Akka.Event;
using Registry.Actors.Admission;
using Registry.Actors.Channels;
using Registry.Actors.Channels.Guacd;
using Registry.Actors.Reconciling;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Tubes;

/// <summary>A tube's conversations and their channels.</summary>
internal sealed partial class TubeActor
{
    // The original gives a peer's channel of this label to the conversation the tube was made for.
    private const string ControlLabel = "control";

    // A display that changes its size all the time must not fill the replay buffer with that.
    private static readonly TimeSpan InstructionPause = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<ConversationId, TubeChannel> channels = [];

    private bool AnyOpen => channels.Values.Any(c => c.IsOpen);

    private TubeChannel? FirstChannel => channels.GetValueOrDefault(first.Command.ConversationId);

    private bool HandleChannelMessage(object message)
    {
        switch (message)
        {
            case PeerOpenedChannel opened:
                TakePeerChannel(opened.Channel);
                return true;
            case ChannelSettled settled:
                Settle(settled.Channel, settled.IsOpen);
                return true;
            case ChannelRan ran:
                FinishChannel(ran.Channel, ran.End);
                return true;
            case GuacdSpoke spoke:
                TellInstructions(spoke);
                return true;
            case ChannelDeadline deadline:
                ExpireChannel(deadline.Channel);
                return true;
            case AssociateConversation associate:
                Sender.Tell(Associate(associate.ConversationId));
                return true;
            case CloseChannel close:
                BeginCloseChannel(close.Command);
                return true;
            default:
                return false;
        }
    }

    private bool TryAddConversation(ConversationId conversation, ConversationSettings settings, PendingCreate create, [NotNullWhen(true)] out TubeChannel? channel, [NotNullWhen(false)] out Refused? refused)
    {
        channel = null;
        refused = Claim(conversation);
        if (refused is not null)
            return false;
        if (!node.Conversations.TryOpen(settings, OriginOf(conversation, settings, create.Command), users, flow, out var opened, out refused, Noticed(conversation)))
        {
            if (!channels.ContainsKey(conversation))
                node.Directory.Release(conversation, entry);
            return false;
        }

        channel = new(conversation, settings.Type, isClaimed: true, opened) { Create = create, Held = Hold(opened), Target = settings.Target };
        channels[conversation] = channel;
        Publish();
        return true;
    }

    private ConversationOrigin OriginOf(ConversationId conversation, ConversationSettings settings, CreateTube command) =>
        new(id, conversation) { Owner = first.Command.Owner, Caller = command.Caller, Type = settings.Type };

    private Action<GuacdNotice> Noticed(ConversationId conversation) => notice => self.Tell(new GuacdSpoke(conversation, notice));

    private void TellInstructions(GuacdSpoke spoke)
    {
        if (!channels.ContainsKey(spoke.Conversation))
            return;
        if (Now - spoke.Notice.TakenAt < InstructionPause)
        {
            Timers.StartSingleTimer(spoke.Notice, spoke, InstructionPause);
            return;
        }

        spoke.Notice.TakenAt = Now;
        foreach (var instruction in spoke.Notice.Take())
            Signal((t, n) => new GuacdInstruction(t, n, Now, spoke.Conversation.ToString(), instruction));
    }

    private Holding Hold(IConversation conversation) => Hold(HoldingKind.Conversation, () =>
    {
        conversation.Dispose();
        return ValueTask.CompletedTask;
    });

    private Refused? Claim(ConversationId conversation)
    {
        // One that was only associated may get its channel now.
        if (channels.TryGetValue(conversation, out var known) && known is not { Conversation: null, IsClaimed: true })
            return Exists(conversation, id);
        if (known is null && channels.Count >= node.Settings.MaxChannels)
            return new(RefusalCode.ChannelLimit, $"Tube {id} has {channels.Count} conversations, which is the limit.") { TubeId = id, Limit = node.Settings.MaxChannels };
        return node.Directory.Claim(conversation, entry) is var holder && holder == entry ? null : Exists(conversation, holder.TubeId);
    }

    /// <summary>What to answer when the WebRTC stack cannot do something; null when it can.</summary>
    private Refused? Lack(PeerConnectionCapabilities needed, string what) => node.Connections.Capabilities.HasFlag(needed)
        ? null
        : new(RefusalCode.NotSupported, $"The WebRTC stack of this node cannot {what}. The managed stack can (registry.webrtc.stack = managed).") { TubeId = id };

    internal static Refused NotFound(ConversationId conversation) => new(RefusalCode.ConversationNotFound, $"No tube carries conversation {conversation}.");

    internal static Refused Exists(ConversationId conversation, TubeId holder) =>
        new(RefusalCode.ConversationExists, $"Conversation {conversation} is live on tube {holder}. Close it first, or name that tube to use it.") { TubeId = holder };

    private void OpenFurtherChannel(PendingCreate create)
    {
        var command = create.Command;
        if (command.Offer is not null)
        {
            Answer(create, new Refused(RefusalCode.InvalidRequest, $"Tube {id} is live; a further channel needs no offer. Leave offer out.") { Key = "offer", TubeId = id });
            return;
        }

        if (Lack(PeerConnectionCapabilities.ChannelClose, "close one channel of a connection, so that a tube carries one conversation only; make a tube for this one") is { } lacking)
        {
            Answer(create, lacking);
            return;
        }

        if (!TryAddConversation(command.ConversationId, command.Settings, create, out var channel, out var refused))
        {
            Answer(create, refused);
            return;
        }

        Timers.StartSingleTimer(channel.TimerKey, new ChannelDeadline(channel), node.Settings.InitializingTimeout);
        try
        {
            Use(channel, CreateDataChannel(channel));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            EndChannel(channel, new(CloseReason.ConnectionFailed, $"The channel could not be made: {e.Message}"));
        }
    }

    private void Cancel(PendingCreate create, Refused why)
    {
        var channel = channels.Values.FirstOrDefault(c => c.Create == create);
        if (create == first && channels.Values.All(c => c == channel || !c.IsClaimed))
        {
            refusal = why with { TubeId = id };
            BeginClose(new(id, CloseReason.Client, why.Message));
        }
        else if (channel is not null)
        {
            Answer(create, why with { TubeId = id });
            EndChannel(channel, new(CloseReason.Client, why.Message));
        }
    }

    private RegistryReply Associate(ConversationId conversation)
    {
        if (channels.TryGetValue(conversation, out var known) && known.IsClaimed)
            return Done.Instance;
        if (Claim(conversation) is { } refused)
            return refused;
        channels.Add(conversation, new(conversation, "associated", isClaimed: true, conversation: null));
        Publish();
        return Done.Instance;
    }

    private void TakePeerChannel(IDataChannel data)
    {
        var first = FirstChannel;
        var channel = data.Label == ControlLabel && first is { DataChannel: null } ? first
            : ConversationId.TryParse(data.Label, out var label) ? ChannelFor(label)
            : null;
        if (channel is { Conversation: not null, DataChannel: null })
        {
            channel.OpenedByPeer = true;
            Use(channel, data);
            return;
        }

        log.Warning("Tube {TubeId} of conversation {ConversationId} closed a channel of its peer: its label is taken or not valid, or one more is not allowed", id, this.first.Command.ConversationId);
        data.Close();
    }

    // As with the original, the tube's settings hold for every label the peer opens. The peer gains nothing it could not do with
    // its first channel, and it cannot take a conversation's name from others: the directory does not learn of it.
    private TubeChannel? ChannelFor(ConversationId label)
    {
        if (channels.TryGetValue(label, out var known) && known.Conversation is not null)
            return known;
        var settings = first.Command.Settings;
        if (known is null && channels.Count >= node.Settings.MaxChannels || settings is TunnelSettings { ListenEndPoint: not null } or SocksSettings { ListenEndPoint: not null }
            || !node.Conversations.TryOpen(settings, OriginOf(label, settings, first.Command), users, flow, out var conversation, out _, Noticed(label)))
            return null;
        var channel = new TubeChannel(label, settings.Type, isClaimed: known?.IsClaimed ?? false, conversation) { Held = Hold(conversation), Target = settings.Target };
        channels[label] = channel;
        Publish();
        return channel;
    }

    private IDataChannel CreateDataChannel(TubeChannel channel) =>
        connection!.CreateDataChannel(channel.Id.ToString(), new() { Protocol = channel.Conversation!.Protocol });

    private void Use(TubeChannel channel, IDataChannel data)
    {
        channel.DataChannel = data;
        SettleAsync(channel, data, stop.Token).PipeTo(self, failure: WorkFailed.From);
    }

    private static async Task<ChannelSettled> SettleAsync(TubeChannel channel, IDataChannel data, CancellationToken cancellationToken)
    {
        try
        {
            await data.WaitForOpenAsync(cancellationToken);
            return new(channel, true);
        }
        catch (Exception e) when (e is DataChannelClosedException or OperationCanceledException)
        {
            return new(channel, false);
        }
    }

    private void Settle(TubeChannel channel, bool isOpen)
    {
        if (!channels.ContainsValue(channel))
            return;
        if (!isOpen)
        {
            FinishChannel(channel, ChannelEnd.Unexplained);
            return;
        }

        Timers.Cancel(channel.TimerKey);
        channel.IsOpen = true;
        peersWord = null;
        LimitIdleness();
        Publish();
        Signal((t, n) => new ChannelOpened(t, n, Now, channel.Id.ToString()));
        if (state == TubeState.Connecting)
            Enter(TubeState.Active); // The channel's news overtook the connection's.
        if (state == TubeState.Active)
            Enter(TubeState.Ready);
        ReadPath();
        trace.Ready(entry.Snapshot.SelectedPair, entry.ReadTraffic().RoundTripTime);
        if (channel.Create is { } create && create != first)
            Answer(create, new TubeCreated(id, channel.Id, node.Node, state) { LocalListenAddress = channel.Conversation!.ListenEndPoint?.ToString() });
        channel.Conversation!.RunAsync(channel.DataChannel!, channel.OpenedByPeer).PipeTo(self, success: end => new ChannelRan(channel, end), failure: WorkFailed.From);
    }

    private void FinishChannel(TubeChannel channel, ChannelEnd how)
    {
        if (!channels.ContainsValue(channel))
            return;
        // A channel that vanished with its connection ends with the tube and for the tube's reason, which is on its way.
        if (how.Reason is null && channel.Closing is null && connection!.ConnectionState is PeerConnectionState.Failed or PeerConnectionState.Closed)
        {
            channel.IsOpen = false; // An orderly end must not wait for what has come already.
            return;
        }

        EndChannel(channel, channel.Closing ?? (how.Reason is null ? new(CloseReason.Normal, "The peer closed the channel.") : how));
    }

    private TubeChannel? AwaitEnd(CloseConversation command)
    {
        if (!channels.TryGetValue(command.ConversationId, out var channel) || !channel.IsClaimed)
        {
            Sender.Tell(node.Directory.WasClosed(command.ConversationId) ? Done.Instance : NotFound(command.ConversationId));
            return null;
        }

        channel.Closers.Add(Sender);
        return channel;
    }

    private void BeginCloseChannel(CloseConversation command)
    {
        if (AwaitEnd(command) is not { Closing: null } channel)
            return;
        channel.Closing = ChannelEnd.AskedFor(command.Reason, command.Text, command.Caller);
        if (channel.Create == first && state == TubeState.Initializing)
            refusal = new(RefusalCode.TubeClosing, "The conversation was closed while its tube was being made.") { TubeId = id };
        if (!channel.IsOpen || state is not (TubeState.Ready or TubeState.Disconnected))
        {
            EndChannel(channel, channel.Closing.Value);
            return;
        }

        Timers.StartSingleTimer(channel.TimerKey, new ChannelDeadline(channel), node.Settings.ClosingTimeout);
        channel.Conversation!.Close(command.Reason, channel.Closing.Value.Text, channel.Closing.Value.ClosedBy);
    }

    private void ExpireChannel(TubeChannel channel)
    {
        if (!channels.ContainsValue(channel))
            return;
        if (channel.Closing is { } closing)
        {
            node.Admission.CountCloseTimeout();
            EndChannel(channel, closing);
            return;
        }

        EndChannel(
            channel,
            new(CloseReason.Timeout, "The channel did not open in time."),
            refusal: new(RefusalCode.CreateTimeout, $"The channel did not open on tube {id} in time. Try again.") { TubeId = id });
    }

    /// <summary>Frees everything of a channel and says so once; last to whoever waits for it to open.</summary>
    private void EndChannel(TubeChannel channel, ChannelEnd how, string? outcome = null, Refused? refusal = null)
    {
        if (!channels.Remove(channel.Id))
            return;
        Timers.Cancel(channel.TimerKey);
        _ = channel.Held?.ReleaseAsync(log);
        Release("data channel", () => channel.DataChannel?.Close());
        channel.IsOpen = false;
        if (channel.Closing is not null)
            node.Directory.RememberClosed(channel.Id);
        if (channel.IsClaimed)
            node.Directory.Release(channel.Id, entry);
        Publish();
        var reason = how.Reason ?? CloseReason.Unknown;
        if (how.ByPeer && (closedByPeer || !AnyOpen))
            peersWord = how;
        outcome ??= reason is CloseReason.Normal or CloseReason.Client or CloseReason.AdminClosed ? "normal" : $"error: {how.Text}";
        if (channel.Conversation is not null)
        {
            Signal((t, n) => new ChannelClosed(t, n, Now, channel.Id.ToString(), outcome, reason));
            node.Metrics.ChannelClosed(reason);
        }

        if (channel.Closing is { ClosedBy: { } caller })
            log.Info("Conversation {ConversationId} of tube {TubeId} closed by {Caller}: {Reason}: {Text}", channel.Id, id, caller, reason.Name, how.Text);

        if (channel.Create is { } create)
        {
            if (create != first || refusal is not null)
                Answer(create, refusal ?? new Refused(RefusalCode.CreateFailed, how.Text) { TubeId = id });
            Context.Parent.Tell(new CreateEnded(create));
        }

        foreach (var closer in channel.Closers)
            closer.Tell(Done.Instance);
        if (state == TubeState.Ready && !AnyOpen)
            Enter(TubeState.Active);
        else if (state == TubeState.Initializing && channel.Create == first)
            BeginClose(new(id, reason, how.Text) { Caller = how.ClosedBy }); // Nobody waits for this tube any more.
    }
}
