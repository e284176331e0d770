using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Registry.WebRtc.Net;

/// <summary>Linux's calls for many datagrams at once (recvmmsg(2), sendmmsg(2), udp(7), epoll(7)), with the layouts of 64-bit little-endian machines.</summary>
internal static unsafe partial class Libc
{
    public const int MSG_TRUNC = 0x20;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;

    public const int SOL_UDP = 17;
    public const int UDP_SEGMENT = 103;
    public const int UDP_GRO = 104;

    public const int EINTR = 4;
    public const int EIO = 5;
    public const int EBADF = 9;
    public const int EAGAIN = 11;
    public const int EINVAL = 22;
    public const int EDESTADDRREQ = 89;
    public const int EMSGSIZE = 90;
    public const int ECONNREFUSED = 111;

    public const int EPOLL_CLOEXEC = 0x80000;
    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const uint EPOLLIN = 1;

    public const int AF_INET = 2;
    public const int AF_INET6 = 10;

    [LibraryImport("libc", SetLastError = true)]
    public static partial int recvmmsg(SafeSocketHandle socket, MultiMessageHeader* messages, uint count, int flags, void* timeout);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int sendmmsg(SafeSocketHandle socket, MultiMessageHeader* messages, uint count, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial SafeFileHandle epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_ctl(SafeFileHandle epoll, int operation, SafeSocketHandle socket, EpollEvent* change);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_wait(SafeFileHandle epoll, EpollEvent* events, int capacity, int timeoutMilliseconds);

    [StructLayout(LayoutKind.Sequential)]
    public struct IoVector
    {
        public byte* iov_base;
        public nuint iov_len;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public byte* msg_name;
        public uint msg_namelen;
        public IoVector* msg_iov;
        public nuint msg_iovlen;
        public ControlMessage* msg_control;
        public nuint msg_controllen;
        public int msg_flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct MultiMessageHeader
    {
        public MessageHeader msg_hdr;
        public uint msg_len;
    }

    /// <summary>A control message with room for the one integer that the UDP options carry.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ControlMessage
    {
        public nuint cmsg_len;
        public int cmsg_level;
        public int cmsg_type;
        public long data;

        /// <summary>CMSG_LEN(n).</summary>
        public static nuint LengthFor(int bytes) => (nuint)(16 + bytes);
    }

    /// <summary>The kernel packs this structure on x86-64 and nowhere else, so it is read and written by offsets.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 16)]
    public struct EpollEvent
    {
        private static readonly int DataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

        /// <summary>Bytes from one element of an array to the next.</summary>
        public static int Stride => DataOffset + 8;

        public static void Write(EpollEvent* element, uint events, long data)
        {
            *(uint*)element = events;
            *(long*)((byte*)element + DataOffset) = data;
        }

        public static long ReadData(EpollEvent* first, int index) => *(long*)((byte*)first + (index * Stride) + DataOffset);
    }
}
