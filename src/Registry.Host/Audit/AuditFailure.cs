using System.Data.Common;

namespace Registry.Host.Audit;

/// <summary>What files and databases throw when they cannot be written or read.</summary>
internal static class AuditFailure
{
    public static bool Is(Exception e) => e is IOException or UnauthorizedAccessException or DbException;
}
