using System.Net;
using Registry.Actors.Audit;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>Sends every message back as it came. A peer that does not read stops its own channel.</summary>
internal sealed class EchoConversation(ConversationOrigin origin, ChannelServices services, UserTraffic users) : IConversation
{
    private readonly CancellationTokenSource stop = new();
    private readonly ConnectionAudit audit = services.Audit.Connection(origin, number: null, origin.Type);
    private readonly Lock endLock = new();
    private IDataChannel? channel;
    private ChannelEnd? end;

    public IPEndPoint? ListenEndPoint => null;

    public string Protocol => "";

    public async Task<ChannelEnd> RunAsync(IDataChannel channel, bool openedByPeer)
    {
        lock (endLock)
        {
            this.channel = channel;
            if (end is not null)
                channel.Close();
        }

        try
        {
            if (await audit.BeginAsync(stop.Token))
                await EchoAsync(channel);
            else
                Close(CloseReason.ErrorRecording, AuditTrail.Unavailable);
        }
        catch (DataChannelClosedException)
        {
            channel.Close();
        }
        catch (ArgumentException e)
        {
            // The peer sent more than it is willing to receive.
            Close(CloseReason.ProtocolError, e.Message);
        }
        catch (OperationCanceledException)
        {
            channel.Close();
        }

        lock (endLock)
        {
            audit.End(end);
            return end ?? ChannelEnd.Unexplained;
        }
    }

    public void Close(CloseReason reason, string text, string? closedBy = null)
    {
        lock (endLock)
        {
            end ??= new(reason, text) { ClosedBy = closedBy };
            channel?.Close();
        }
    }

    public void Dispose()
    {
        stop.Cancel();
        channel?.Close();
    }

    private async Task EchoAsync(IDataChannel channel)
    {
        while (await channel.ReceiveAsync(stop.Token) is { } message)
            using (message)
            {
                users.Received();
                audit.Received(message.Data.Length);
                await channel.SendAsync(message.Data, message.Type, stop.Token);
                users.Sent();
                audit.Sent(message.Data.Length);
            }
    }
}
