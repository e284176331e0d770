using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Registry.WebRtc.Net;

/// <summary>One UDP socket, read by an asynchronous loop on the thread pool: it needs no thread of its own.</summary>
internal sealed partial class UdpTransport : IDatagramTransport
{
    // The largest UDP payload: nothing is ever truncated, and a datagram above the protocols' sizes is dropped by their parsers.
    private const int MaxDatagram = 65_535;

    // The kernel's default of about 200 KB holds some 90 packets, fewer than one congestion window on a fast path.
    private const int SocketBufferSize = 4 * 1024 * 1024;

    private readonly Socket socket;
    private readonly HostAddresses addresses;
    private readonly ILogger logger;
    private long sendErrors;
    private volatile bool disposed;

    public UdpTransport(IPAddress? bindAddress, int port, HostAddresses addresses, ILogger logger)
    {
        this.addresses = addresses;
        this.logger = logger;
        socket = Bind(bindAddress, port);
        Port = ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public int Port { get; }

    public long SendErrors => Interlocked.Read(ref sendErrors);

    public IReadOnlyList<IPEndPoint> LocalEndPoints =>
        [.. addresses.Current.Where(IsReachableThroughSocket).Select(address => new IPEndPoint(address, Port))];

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
            // A probe above what the interface takes: lost, as it would be on the path.
        }
        catch (SocketException e)
        {
            // No route, a full device queue, a filtered port: to the protocols above all of these are packet loss.
            if (Interlocked.Increment(ref sendErrors) == 1)
                LogSendFailed(remote, e.SocketErrorCode);
        }
        catch (ObjectDisposedException) when (disposed)
        {
            // The factory was closed while a connection was sending its last words.
        }
    }

    public void Dispose()
    {
        disposed = true;
        socket.Dispose();
    }

    private bool IsReachableThroughSocket(IPAddress address)
    {
        var bound = ((IPEndPoint)socket.LocalEndPoint!).Address;
        if (bound.Equals(IPAddress.IPv6Any))
            return true;
        return bound.Equals(IPAddress.Any) ? address.AddressFamily == AddressFamily.InterNetwork : bound.Equals(address);
    }

    private async Task ReceiveAsync(IDatagramReceiver receiver)
    {
        // Pinned for the socket's whole life: the array is on the way of every packet.
        var buffer = GC.AllocateUninitializedArray<byte>(MaxDatagram, pinned: true);
        var from = new SocketAddress(socket.AddressFamily);
        while (!disposed)
        {
            try
            {
                var length = await socket.ReceiveFromAsync(buffer, SocketFlags.None, from).ConfigureAwait(false);
                receiver.OnDatagram(buffer.AsSpan(0, length), TransportAddress.From(from));
            }
            catch (Exception e) when (disposed && e is SocketException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e)
            {
                // An ICMP error of an earlier send, reported here; the socket itself is fine.
                LogReceiveFailed(e.SocketErrorCode);
            }
            catch (Exception e)
            {
                // Whatever one datagram brings about, the others' tubes go on.
                LogReceiverFailed(e);
            }
        }
    }

    private static Socket Bind(IPAddress? address, int port)
    {
        var family = address?.AddressFamily ?? (Socket.OSSupportsIPv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork);
        var socket = new Socket(family, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (address is null && family == AddressFamily.InterNetworkV6)
                socket.DualMode = true;
            socket.ReceiveBufferSize = SocketBufferSize;
            socket.SendBufferSize = SocketBufferSize;
            DontFragment.Apply(socket);
            socket.Bind(new IPEndPoint(address ?? (family == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any), port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Sending to {Remote} failed: {Error}; further failures are only counted")]
    private partial void LogSendFailed(TransportAddress remote, SocketError error);

    [LoggerMessage(Level = LogLevel.Error, Message = "A received datagram could not be handed on")]
    private partial void LogReceiverFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Receiving failed: {Error}")]
    private partial void LogReceiveFailed(SocketError error);

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
