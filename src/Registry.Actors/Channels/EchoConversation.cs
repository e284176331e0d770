using System.Net;
using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>Sends every message back as it came. A peer that does not read stops its own channel.</summary>
internal sealed class EchoConversation(UserTraffic users) : IConversation
{
    private readonly CancellationTokenSource stop = new();
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
            while (await channel.ReceiveAsync(stop.Token) is { } message)
                using (message)
                {
                    users.Received();
                    await channel.SendAsync(message.Data, message.Type, stop.Token);
                    users.Sent();
                }
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
            return end ?? ChannelEnd.Unexplained;
    }

    public void Close(CloseReason reason, string text)
    {
        lock (endLock)
        {
            end ??= new(reason, text);
            channel?.Close();
        }
    }

    public void Dispose()
    {
        stop.Cancel();
        channel?.Close();
    }
}
