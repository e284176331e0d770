using System.Net;
using Registry.Actors.Audit;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>Gives a channel to code of the application. What that code throws or forgets ends this channel and nothing else.</summary>
internal sealed class HandlerConversation(string name, IConversationHandler handler, ConversationOrigin origin, ChannelServices services, UserTraffic users) : IConversation
{
    /// <summary>What its data channel names as protocol: the messages are the application's, without frames.</summary>
    public const string PlainMessages = "handler";

    private readonly CancellationTokenSource stop = new(Timeout.InfiniteTimeSpan, services.Time);
    private readonly ConnectionAudit audit = services.Audit.Connection(origin, number: null, name);
    private readonly Lock endLock = new();
    private IDataChannel? channel;
    private ChannelEnd? end;

    public IPEndPoint? ListenEndPoint => null;

    public string Protocol => PlainMessages;

    public async Task<ChannelEnd> RunAsync(IDataChannel channel, bool openedByPeer)
    {
        lock (endLock)
        {
            this.channel = channel;
            if (end is not null)
                channel.Close();
        }

        void Watch(DataChannelState _)
        {
            // What came before can still be taken, for a limited time.
            if (IsEnding(channel))
                stop.CancelAfter(services.Settings.DrainTimeout);
        }

        channel.StateChanged += Watch;
        Watch(channel.State);
        var serving = ServeAsync(channel, openedByPeer);
        try
        {
            // A handler that ignores its token holds nobody up.
            await serving.WaitAsync(stop.Token);
            if (!IsEnding(channel))
                End(CloseReason.Normal, "The handler ended the conversation.");
        }
        catch (Exception e) when (e is OperationCanceledException && stop.IsCancellationRequested || e is OperationCanceledException or DataChannelClosedException or IOException && IsEnding(channel))
        {
            _ = serving.ContinueWith(late => late.Exception, TaskScheduler.Default); // Nobody hears it any more.
        }
        catch (Exception e)
        {
            // The text goes to callers of the API, the details to this node's log only: an exception may quote what the peer sent.
            services.HandlerFailed?.Invoke(name, origin, e);
            End(CloseReason.HandlerError, $"The handler {name} failed with {e.GetType().Name}.");
        }

        channel.StateChanged -= Watch;
        channel.Close();
        await stop.CancelAsync();
        lock (endLock)
        {
            audit.End(end);
            return end ?? ChannelEnd.Unexplained;
        }
    }

    public void Close(CloseReason reason, string text, string? closedBy = null)
    {
        End(reason, text, closedBy);
        stop.Cancel();
    }

    public void Dispose()
    {
        channel?.Close();
        stop.Cancel();
    }

    private async Task ServeAsync(IDataChannel channel, bool openedByPeer)
    {
        if (!await audit.BeginAsync(stop.Token))
            End(CloseReason.ErrorRecording, AuditTrail.Unavailable);
        else if (openedByPeer && channel.Protocol == ControlMessage.Protocol)
            await RefuseFramesAsync(channel);
        else
            await Task.Run(() => handler.RunAsync(new(origin, channel, users, audit), stop.Token)); // Its code may block before it waits for anything; the tube must not.
    }

    // A tunnel says nothing before it has a client, so that both would wait for ever. It is told in its own language.
    private async Task RefuseFramesAsync(IDataChannel channel)
    {
        var text = $"This end is the handler {name}, which takes plain messages, and the other end speaks the frames of a tunnel, socks5 or guacd conversation. Give the other end raw or a data channel of its own.";
        var frame = Frame.Encode(0, (ulong)services.Time.GetUtcNow().ToUnixTimeMilliseconds(), ControlMessage.EncodeClose(0, CloseReason.ConfigurationError, text));
        if (frame.Length <= channel.MaxMessageSize)
            await channel.SendAsync(frame, DataChannelMessageType.Binary, stop.Token);
        End(CloseReason.ConfigurationError, text);
    }

    // What was sent before still goes to the peer.
    private void End(CloseReason reason, string text, string? closedBy = null)
    {
        lock (endLock)
        {
            end ??= new(reason, text) { ClosedBy = closedBy };
            channel?.Close();
        }
    }

    private static bool IsEnding(IDataChannel channel) => channel.State is DataChannelState.Closing or DataChannelState.Closed;
}
