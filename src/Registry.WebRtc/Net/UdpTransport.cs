using System.Net;
using System.Net.Sockets;

namespace Registry.WebRtc.Net;

/// <summary>One UDP socket, read by an asynchronous loop on the thread pool: it needs no thread of its own and runs on every system.</summary>
internal sealed class UdpTransport(UdpSocket udp) : IDatagramTransport
{
    // The largest UDP payload: nothing is ever truncated, and a datagram above the protocols' sizes is dropped by their parsers.
    private const int MaxDatagram = 65_535;

    private readonly Socket socket = udp.Socket;

    public IReadOnlyList<IPEndPoint> LocalEndPoints => udp.LocalEndPoints;

    public void Start(IDatagramReceiver receiver) => _ = Task.Run(() => ReceiveAsync(receiver));

    public void Send(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        var target = SocketAddressCache.Get(remote, socket.AddressFamily);
        try
        {
            socket.SendTo(datagram, SocketFlags.None, target);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.MessageSize)
        {
            // One that is larger than the interface takes is lost like one that is larger than the path takes: no fault to tell of.
        }
        catch (SocketException e)
        {
            udp.OnSendFailed(remote, e.Message);
        }
        catch (ObjectDisposedException) when (udp.IsDisposed)
        {
            // The factory was closed while a connection was sending its last words.
        }
    }

    public void Dispose() => udp.Dispose();

    private async Task ReceiveAsync(IDatagramReceiver receiver)
    {
        // Pinned for the socket's whole life: the array is on the way of every packet.
        var buffer = GC.AllocateUninitializedArray<byte>(MaxDatagram, pinned: true);
        var from = new SocketAddress(socket.AddressFamily);
        while (!udp.IsDisposed)
        {
            try
            {
                var length = await socket.ReceiveFromAsync(buffer, SocketFlags.None, from).ConfigureAwait(false);
                receiver.OnDatagrams(buffer.AsSpan(0, length), length, TransportAddress.From(from));
            }
            catch (Exception e) when (udp.IsDisposed && e is SocketException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e)
            {
                udp.OnReceiveFailed(e.Message);
            }
            catch (Exception e)
            {
                udp.OnReceiverFailed(e);
            }
        }
    }

    /// <summary>The addresses each thread sent to last, in socket form, so that sending allocates nothing.</summary>
    private static class SocketAddressCache
    {
        private const int Size = 16;

        [ThreadStatic] private static (TransportAddress Key, SocketAddress? Value)[]? entries;

        public static SocketAddress Get(TransportAddress address, AddressFamily family)
        {
            ref var entry = ref (entries ??= new (TransportAddress, SocketAddress?)[Size])[address.GetHashCode() & (Size - 1)];
            if (entry.Value is { } cached && entry.Key == address && cached.Family == family)
                return cached;
            entry = (address, address.ToSocketAddress(family));
            return entry.Value!;
        }
    }
}
