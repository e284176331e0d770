using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Registry.WebRtc.Net;

/// <summary>
/// One UDP socket with Linux's means against the cost of single datagrams: a call takes or sends many, and where the kernel offers it
/// (UDP_SEGMENT since 4.18, UDP_GRO since 5.0) a run of equal ones passes through it as one.
/// </summary>
internal sealed unsafe class LinuxUdpTransport : IDatagramTransport
{
    // UDP_MAX_SEGMENTS of the kernels that have the fewest, and the payload that one UDP length field can name.
    private const int MaxSegments = 64;
    private const int MaxRun = 65_000;

    // A sender waits this long for room in the socket's buffer; then its datagrams are lost, as on a full link.
    private const int SendPatienceMicroseconds = 20_000;

    private readonly UdpSocket udp;
    private readonly bool isIPv6;
    private readonly LinuxReceiver receiver;
    private readonly Lock registering = new();
    private volatile bool segmentationOffload;
    private IDatagramReceiver? target;
    private long registration;

    /// <param name="udp">The socket; this transport closes it.</param>
    /// <param name="offload">Whether to try the kernel's segmentation and receive offload.</param>
    public LinuxUdpTransport(UdpSocket udp, bool offload = true)
    {
        this.udp = udp;
        isIPv6 = udp.Socket.AddressFamily == AddressFamily.InterNetworkV6;
        receiver = LinuxReceiver.Next();
        segmentationOffload = offload && TrySetOption(udp.Socket, Libc.UDP_SEGMENT, 0);
        ReceiveOffload = offload && TrySetOption(udp.Socket, Libc.UDP_GRO, 1);
    }

    /// <summary>Whether this machine has what the transport needs; asked once.</summary>
    public static bool IsSupported { get; } = Probe();

    public IReadOnlyList<IPEndPoint> LocalEndPoints => udp.LocalEndPoints;

    /// <summary>Whether the kernel cuts runs into datagrams; off for good when a device refuses.</summary>
    public bool SegmentationOffload => segmentationOffload;

    /// <summary>Whether the kernel joins arriving datagrams to runs.</summary>
    public bool ReceiveOffload { get; }

    internal SafeSocketHandle Handle => udp.Socket.SafeHandle;

    public void Start(IDatagramReceiver receiver)
    {
        lock (registering)
        {
            ObjectDisposedException.ThrowIf(udp.IsDisposed, this);
            target = receiver;
            registration = this.receiver.Add(this);
        }
    }

    public void Send(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        if (SendAsOne(datagram, segmentSize: 0, remote) is not 0 and var error)
            Lost(remote, error);
    }

    public void Send(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote)
    {
        var runLength = Math.Clamp(MaxRun / segmentSize, 1, MaxSegments) * segmentSize;
        for (; datagrams.Length > segmentSize; datagrams = datagrams[Math.Min(runLength, datagrams.Length)..])
        {
            var run = datagrams[..Math.Min(runLength, datagrams.Length)];
            if (!TrySendRun(run, segmentSize, remote))
                SendOneByOne(run, segmentSize, remote);
        }
        if (!datagrams.IsEmpty)
            Send(datagrams, remote);
    }

    public void Dispose()
    {
        lock (registering)
        {
            if (udp.IsDisposed)
                return;
            if (target is not null)
                receiver.Remove(this, registration);
            udp.Dispose();
        }
    }

    /// <summary>Takes what has come, up to one call's worth, and hands it on. Called by the receiver's thread.</summary>
    internal void Receive(LinuxReceiveBuffers buffers)
    {
        try
        {
            var count = Libc.recvmmsg(Handle, buffers.Prepare(), LinuxReceiveBuffers.Count, Libc.MSG_DONTWAIT, null);
            if (count < 0 && Marshal.GetLastPInvokeError() is not (Libc.EAGAIN or Libc.EINTR) and var error)
                udp.OnReceiveFailed(Marshal.GetPInvokeErrorMessage(error));
            for (var i = 0; i < count; i++)
                HandOn(buffers, i);
        }
        catch (ObjectDisposedException)
        {
            // Closed since the kernel reported it readable.
        }
    }

    private void HandOn(LinuxReceiveBuffers buffers, int index)
    {
        if (buffers.IsTruncated(index))
            return;
        var data = buffers.Data(index);
        var segmentSize = buffers.SegmentSize(index) is > 0 and var size ? size : data.Length;
        try
        {
            target!.OnDatagrams(data, Math.Min(segmentSize, data.Length), buffers.Remote(index));
        }
        catch (Exception e)
        {
            udp.OnReceiverFailed(e);
        }
    }

    /// <summary>Lets the kernel cut the run.</summary>
    /// <returns>False when it does not take this one.</returns>
    private bool TrySendRun(ReadOnlySpan<byte> run, int segmentSize, TransportAddress remote)
    {
        if (!segmentationOffload)
            return false;
        switch (SendAsOne(run, segmentSize, remote))
        {
            case 0:
                return true;
            case Libc.EIO:
                // A device on the way cannot compute checksums, which the kernel asks of it for runs.
                segmentationOffload = false;
                return false;
            case Libc.EINVAL or Libc.EMSGSIZE:
                // The datagrams are larger than the path takes whole.
                return false;
            case var error:
                Lost(remote, error);
                return true;
        }
    }

    /// <summary>Sends one datagram, or with a segment size a run that the kernel cuts.</summary>
    /// <returns>0, or the error.</returns>
    private int SendAsOne(ReadOnlySpan<byte> data, int segmentSize, TransportAddress remote)
    {
        var name = stackalloc byte[LinuxSocketAddress.MaxLength];
        fixed (byte* bytes = data)
        {
            var vector = new Libc.IoVector { iov_base = bytes, iov_len = (nuint)data.Length };
            var control = new Libc.ControlMessage { cmsg_len = Libc.ControlMessage.LengthFor(sizeof(ushort)), cmsg_level = Libc.SOL_UDP, cmsg_type = Libc.UDP_SEGMENT, data = segmentSize };
            var message = new Libc.MultiMessageHeader { msg_hdr = new() { msg_name = name, msg_namelen = LinuxSocketAddress.Write(name, remote, isIPv6), msg_iov = &vector, msg_iovlen = 1 } };
            if (segmentSize > 0)
            {
                message.msg_hdr.msg_control = &control;
                message.msg_hdr.msg_controllen = (nuint)sizeof(Libc.ControlMessage);
            }
            return SendMessages(&message, 1, out _);
        }
    }

    /// <summary>Sends a run as datagrams of their own, in one call where the kernel takes them all.</summary>
    private void SendOneByOne(ReadOnlySpan<byte> run, int segmentSize, TransportAddress remote)
    {
        var name = stackalloc byte[LinuxSocketAddress.MaxLength];
        var nameLength = LinuxSocketAddress.Write(name, remote, isIPv6);
        var vectors = stackalloc Libc.IoVector[MaxSegments];
        var messages = stackalloc Libc.MultiMessageHeader[MaxSegments];
        fixed (byte* bytes = run)
        {
            var count = 0;
            for (var offset = 0; offset < run.Length; offset += segmentSize, count++)
            {
                vectors[count] = new() { iov_base = bytes + offset, iov_len = (nuint)Math.Min(segmentSize, run.Length - offset) };
                messages[count].msg_hdr = new() { msg_name = name, msg_namelen = nameLength, msg_iov = vectors + count, msg_iovlen = 1 };
            }
            // The one that failed is lost; those behind it may fare better.
            for (var done = 0; done < count; done++)
            {
                var error = SendMessages(messages + done, count - done, out var sent);
                done += sent;
                if (error != 0)
                    Lost(remote, error);
            }
        }
    }

    /// <summary>Sends messages until one fails.</summary>
    /// <returns>0, or the error of message number <paramref name="sent"/>.</returns>
    private int SendMessages(Libc.MultiMessageHeader* messages, int count, out int sent)
    {
        sent = 0;
        var (waited, refused) = (false, false);
        while (sent < count)
        {
            var taken = TrySend(messages + sent, count - sent, out var error);
            if (taken > 0)
                sent += taken;
            else if (error is Libc.EAGAIN && !waited)
                waited = WaitForRoom();
            else if (error is Libc.ECONNREFUSED && !refused)
                refused = true; // The answer to an earlier datagram, reported to this call and cleared by it.
            else if (error is not Libc.EINTR)
                return error;
        }
        return 0;
    }

    private int TrySend(Libc.MultiMessageHeader* messages, int count, out int error)
    {
        error = 0;
        try
        {
            var taken = Libc.sendmmsg(Handle, messages, (uint)count, Libc.MSG_DONTWAIT | Libc.MSG_NOSIGNAL);
            if (taken < 0)
                error = Marshal.GetLastPInvokeError();
            return taken;
        }
        catch (ObjectDisposedException)
        {
            // The factory was closed while a connection was sending its last words.
            error = Libc.EBADF;
            return -1;
        }
    }

    private bool WaitForRoom()
    {
        try
        {
            udp.Socket.Poll(SendPatienceMicroseconds, SelectMode.SelectWrite);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The next attempt to send tells.
        }
        return true;
    }

    private void Lost(TransportAddress remote, int error)
    {
        // One that is larger than the interface takes is lost like one that is larger than the path takes: no fault to tell of.
        if (!udp.IsDisposed && error != Libc.EMSGSIZE)
            udp.OnSendFailed(remote, Marshal.GetPInvokeErrorMessage(error));
    }

    private static bool TrySetOption(Socket socket, int option, int value)
    {
        try
        {
            socket.SetRawSocketOption(Libc.SOL_UDP, option, new ReadOnlySpan<byte>(&value, sizeof(int)));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static bool Probe()
    {
        if (!OperatingSystem.IsLinux() || !BitConverter.IsLittleEndian || RuntimeInformation.ProcessArchitecture is not (Architecture.X64 or Architecture.Arm64))
            return false;
        try
        {
            // Both calls, on a socket where nothing can come or go; a sandbox that forbids them answers otherwise.
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            _ = LinuxReceiver.Next();
            Libc.MultiMessageHeader none = default;
            return Libc.recvmmsg(socket.SafeHandle, &none, 1, Libc.MSG_DONTWAIT, null) < 0 && Marshal.GetLastPInvokeError() == Libc.EAGAIN
                && Libc.sendmmsg(socket.SafeHandle, &none, 1, Libc.MSG_DONTWAIT) < 0 && Marshal.GetLastPInvokeError() == Libc.EDESTADDRREQ;
        }
        catch (Exception e) when (e is SocketException or Win32Exception or DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }
}
