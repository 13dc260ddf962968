// SPDX-License-Identifier: GPL-2.0
/*
 * Files and file systems that end while their DAX pages are in use
 *
 * A process can hold a reference to a page of a DAX file longer than it has the
 * file mapped or open: in a pipe, by vmsplice(), or as the buffer of direct I/O.
 * The block behind the page must not be freed meanwhile. Truncate and hole punch
 * see to that themselves: they wait, and a signal ends it. But a file also ends
 * in ways in which nobody can wait:
 *
 * - The last close of an unlinked file is part of exit(). A process that waits
 *   there for a page which is in its own pipe waits for itself, as it closes the
 *   pipe later, and no signal ends that.
 * - An inode that is evicted with its name kept, because its DAX flag was
 *   switched, say, forgets its pages. The next truncate of the file does not
 *   know of them.
 * - The same happens to all inodes of a file system that is unmounted. Another
 *   mount gives their blocks away, or something else is stored on the device.
 *
 * So nobody waits. The inode stays in the cache, and the file system stays
 * active, until the pages are idle:
 *
 *	iput()			the last reference of an inode that is to be
 *				evicted: if a page is in use, the reference is
 *				handed over to here (dax_busy_inode_keep())
 *	deactivate_super()	the last active reference of a file system: the
 *				inodes with pages in use are kept in the same way
 *				(dax_busy_super_keep())
 *	umount()		says EBUSY, as if a file were open
 *				(dax_busy_super())
 *
 * What is kept behaves as if somebody had it open: an unlinked file keeps its
 * blocks, a file with a name can be opened, and truncate waits for its pages; a
 * file system that was unmounted lazily can be mounted again, and is the same one.
 *
 * For each inode that is kept there is an entry in the wait queue of one of its
 * pages. Who drops the last reference but one of the page calls the entry's
 * function, which has a worker of the file system look at the next page. If there
 * is none in use, the worker puts the inode, and with the last inode the file
 * system.
 *
 *	          pages in use          last reference but one dropped
 *	  iput() -------------> waiting ------------------------------> woken
 *	                           ^                                      |
 *	                           |            another page in use       v
 *	                           +----------------------------------- worker
 *	                                                                  |
 *	                                                   all pages idle v
 *	                                                          iput(), evict
 *
 * To look at all pages of each inode that goes would be expensive. AS_DAX_MAPPED
 * says that pages of a file have been mapped into a process since it was last
 * looked at. Nobody gets a page in any other way, and who has a file mapped has a
 * reference to its inode. So the bit is cleared where there is none, with i_lock,
 * and the pages are looked at after that.
 */

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include "internal.h"

/**
 * struct dax_busy_super - a file system of which inodes are kept
 * @list: on dax_busy_supers
 * @sb: the file system, with an active reference
 * @waiting: inodes that wait for a page, or that the worker looks at
 * @woken: inodes for the worker to look at
 * @work: the worker; one for each file system, as it may have to wait for the
 *        file system (freeze) or its device
 * @ending: the worker is dropping the active reference, nothing can be added
 */
struct dax_busy_super {
	struct list_head list;
	struct super_block *sb;
	struct list_head waiting;
	struct list_head woken;
	struct work_struct work;
	bool ending;
};

/**
 * struct dax_busy_inode - an inode that is kept until its pages are idle
 * @list: on @super's waiting or woken
 * @super: its file system
 * @inode: the inode, with a reference
 * @index: page offset in the file, behind which nobody has looked yet
 * @page: page that was in use at the last look, NULL before
 * @wait: in the wait queue of @page
 */
struct dax_busy_inode {
	struct list_head list;
	struct dax_busy_super *super;
	struct inode *inode;
	pgoff_t index;
	struct page *page;
	struct wait_bit_queue_entry wait;
};

/* Protects all of the above; nests in the lock of a wait queue. */
static DEFINE_SPINLOCK(dax_busy_lock);
static LIST_HEAD(dax_busy_supers);

/* For those who wait for a worker to have done what there was to do. */
static unsigned long dax_busy_rounds;
static DECLARE_WAIT_QUEUE_HEAD(dax_busy_done);

static struct workqueue_struct *dax_busy_wq;

/* The entry that inodes of @sb can be added to. */
static struct dax_busy_super *dax_busy_super_find(struct super_block *sb)
{
	struct dax_busy_super *super;

	lockdep_assert_held(&dax_busy_lock);
	list_for_each_entry(super, &dax_busy_supers, list)
		if (super->sb == sb && !super->ending)
			return super;
	return NULL;
}

/* Called by wake_up_var() with the lock of the wait queue, in any context. */
static int dax_busy_wake(struct wait_queue_entry *wq_entry, unsigned int mode,
			 int sync, void *arg)
{
	struct dax_busy_inode *busy =
		container_of(wq_entry, struct dax_busy_inode, wait.wq_entry);
	struct wait_bit_key *key = arg;
	unsigned long flags;

	if (busy->wait.key.flags != key->flags ||
	    busy->wait.key.bit_nr != key->bit_nr)
		return 0;

	list_del_init(&wq_entry->entry);
	spin_lock_irqsave(&dax_busy_lock, flags);
	list_move_tail(&busy->list, &busy->super->woken);
	queue_work(dax_busy_wq, &busy->super->work);
	spin_unlock_irqrestore(&dax_busy_lock, flags);
	return 1;
}

/*
 * Be woken when @page is idle. Once this has returned true the worker may free
 * @busy. If it returns false, @page is idle already.
 */
static bool dax_busy_wait(struct dax_busy_inode *busy, struct page *page)
{
	struct wait_queue_head *wq_head = __var_waitqueue(&page->_refcount);
	struct wait_queue_entry *wq_entry = &busy->wait.wq_entry;
	unsigned long flags;
	bool woken;

	WRITE_ONCE(busy->page, page);
	init_wait_var_entry(&busy->wait, &page->_refcount, 0);
	wq_entry->func = dax_busy_wake;
	add_wait_queue(wq_head, wq_entry);
	/*
	 * Pairs with the atomic operation that drops a reference: either the
	 * new count is seen here, or the entry is seen there.
	 */
	smp_mb();
	if (page_ref_count(page) > 1)
		return true;

	spin_lock_irqsave(&wq_head->lock, flags);
	woken = list_empty(&wq_entry->entry);
	if (!woken)
		list_del_init(&wq_entry->entry);
	spin_unlock_irqrestore(&wq_head->lock, flags);
	return woken;
}

/* Wait for the next page that is in use, or drop the inode if there is none. */
static void dax_busy_inode_look(struct dax_busy_inode *busy)
{
	struct address_space *mapping = &busy->inode->i_data;
	struct page *page;

	while ((page = dax_mapping_busy_page(mapping, &busy->index)))
		if (dax_busy_wait(busy, page))
			return;

	spin_lock_irq(&dax_busy_lock);
	list_del(&busy->list);
	spin_unlock_irq(&dax_busy_lock);
	iput(busy->inode);
	kfree(busy);
}

static void dax_busy_work(struct work_struct *work)
{
	struct dax_busy_super *super =
		container_of(work, struct dax_busy_super, work);
	struct dax_busy_inode *busy;
	bool last;

	spin_lock_irq(&dax_busy_lock);
	while ((busy = list_first_entry_or_null(&super->woken,
						struct dax_busy_inode, list))) {
		list_move_tail(&busy->list, &super->waiting);
		spin_unlock_irq(&dax_busy_lock);
		dax_busy_inode_look(busy);
		cond_resched();
		spin_lock_irq(&dax_busy_lock);
	}
	last = list_empty(&super->waiting);
	super->ending = last;
	spin_unlock_irq(&dax_busy_lock);

	if (last) {
		/* Queued again for an inode that this round has dealt with. */
		cancel_work(&super->work);
		deactivate_super(super->sb);
	}

	spin_lock_irq(&dax_busy_lock);
	/* Not before: who wants to unmount it waits for this. */
	if (last)
		list_del(&super->list);
	dax_busy_rounds++;
	spin_unlock_irq(&dax_busy_lock);
	wake_up_all(&dax_busy_done);
	if (last)
		kfree(super);
}

/* The entry of @sb, or else @new, with dax_busy_lock held. */
static struct dax_busy_super *dax_busy_super_get(struct super_block *sb,
						 struct dax_busy_super *new)
{
	struct dax_busy_super *super = dax_busy_super_find(sb);

	if (super) {
		/* It has an active reference: the caller's is not the last. */
		atomic_dec(&sb->s_active);
		return super;
	}
	if (!new)
		return NULL;
	new->sb = sb;
	INIT_LIST_HEAD(&new->waiting);
	INIT_LIST_HEAD(&new->woken);
	INIT_WORK(&new->work, dax_busy_work);
	list_add(&new->list, &dax_busy_supers);
	return new;
}

/* Leave an inode to the worker. Takes over references to @inode and its sb. */
static void dax_busy_inode_add(struct inode *inode, pgoff_t index)
{
	/* Without memory the block would be freed under its user. */
	const gfp_t gfp = GFP_NOFS | __GFP_NOFAIL;
	struct dax_busy_super *super, *new = NULL;
	struct dax_busy_inode *busy;

	busy = kzalloc(sizeof(*busy), gfp);
	busy->inode = inode;
	busy->index = index;

	spin_lock_irq(&dax_busy_lock);
	super = dax_busy_super_get(inode->i_sb, NULL);
	if (!super) {
		spin_unlock_irq(&dax_busy_lock);
		new = kzalloc(sizeof(*new), gfp);
		spin_lock_irq(&dax_busy_lock);
		super = dax_busy_super_get(inode->i_sb, new);
	}
	busy->super = super;
	list_add_tail(&busy->list, &super->woken);
	queue_work(dax_busy_wq, &super->work);
	spin_unlock_irq(&dax_busy_lock);
	/* From here on the worker may free what it was given. */
	if (super != new)
		kfree(new);
}

/**
 * dax_busy_inode_keep - keep an inode if a DAX page of it is in use
 * @inode: an inode that is about to be evicted
 *
 * The caller has cleared AS_DAX_MAPPED when nobody had @inode mapped, and has a
 * reference to it, whose end would evict @inode.
 *
 * Context: Process context, may sleep, but for no other process.
 * Return: true if a page is in use: the reference was taken over, and is dropped
 * when all pages are idle. false if all are: the reference is still the caller's.
 */
bool dax_busy_inode_keep(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	pgoff_t index = 0;

	dax_sync_gup_fast();
	if (!dax_mapping_busy_page(&inode->i_data, &index))
		return false;
	/*
	 * In a file system that is being shut down, dax_busy_super_keep() found
	 * all pages idle, and nobody can have got a new one.
	 */
	if (!atomic_inc_not_zero(&sb->s_active))
		return false;
	dax_busy_inode_add(inode, index);
	return true;
}

/*
 * Call @look for each inode of @sb that may have pages in use, with a reference
 * to it that @look takes over if it returns true.
 */
static bool dax_busy_super_walk(struct super_block *sb,
				bool (*look)(struct inode *inode), bool all)
{
	struct inode *inode, *last = NULL;
	bool found = false;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (!mapping_dax_mapped(&inode->i_data) && !need_resched())
			continue;
		spin_lock(&inode->i_lock);
		if (inode->i_state & (I_FREEING | I_WILL_FREE | I_NEW)) {
			spin_unlock(&inode->i_lock);
			continue;
		}
		__iget(inode);
		spin_unlock(&inode->i_lock);
		spin_unlock(&sb->s_inode_list_lock);

		/* The place in the list is kept by a reference to its inode. */
		iput(last);
		last = inode;
		cond_resched();
		if (mapping_dax_mapped(&inode->i_data)) {
			ihold(inode);
			if (look(inode))
				found = true;
			else
				iput(inode);
		}

		spin_lock(&sb->s_inode_list_lock);
		if (found && !all)
			break;
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(last);
	return found;
}

static bool dax_busy_super_keep_inode(struct inode *inode)
{
	mapping_clear_dax_mapped(&inode->i_data);
	return dax_busy_inode_keep(inode);
}

/**
 * dax_busy_super_keep - keep a file system if a DAX page of it is in use
 * @sb: a file system that is not mounted
 *
 * The caller is about to drop the last active reference. Inodes that have pages
 * in use are kept, and have an active reference to @sb until all are idle.
 *
 * Context: Process context, may sleep, but for no other process. The caller holds
 * s_umount for writing, so that @sb cannot be mounted now.
 */
void dax_busy_super_keep(struct super_block *sb)
{
	if (sb->s_root)
		dax_busy_super_walk(sb, dax_busy_super_keep_inode, true);
}

/* Does an inode of @super wait for a page that is not idle by now? */
static bool dax_busy_waiting(struct dax_busy_super *super)
{
	struct dax_busy_inode *busy;

	lockdep_assert_held(&dax_busy_lock);
	list_for_each_entry(busy, &super->waiting, list) {
		struct page *page = READ_ONCE(busy->page);

		if (page && page_ref_count(page) > 1)
			return true;
	}
	return false;
}

/* Are inodes of @sb kept? And is a page of one of them in use? */
static bool dax_busy_super_kept(struct super_block *sb, bool *in_use)
{
	struct dax_busy_super *super;
	bool kept = false;

	lockdep_assert_held(&dax_busy_lock);
	*in_use = false;
	list_for_each_entry(super, &dax_busy_supers, list) {
		if (super->sb != sb)
			continue;
		kept = true;
		if (dax_busy_waiting(super))
			*in_use = true;
	}
	return kept;
}

/* For dax_busy_super(): @inode may be open and mapped, so the bit stays set. */
static bool dax_busy_inode(struct inode *inode)
{
	pgoff_t index = 0;

	if (!dax_mapping_busy_page(&inode->i_data, &index))
		return false;
	iput(inode);
	return true;
}

/**
 * dax_busy_super - is a DAX page of a file system in use?
 * @sb: a file system that is mounted
 *
 * If all pages are idle, this also waits until the inodes that were kept for
 * them are gone, which may take as long as the file system needs to free their
 * blocks.
 *
 * The answer holds unless somebody has a file of @sb open, or has closed one just
 * now without a mount, as a shrinker does.
 *
 * Context: Process context, may sleep. A fatal signal ends the wait.
 * Return: 0 if all pages are idle, -EBUSY if one is in use, -EINTR if a signal
 * came.
 */
int dax_busy_super(struct super_block *sb)
{
	unsigned long rounds;
	bool kept, in_use;

	for (;;) {
		spin_lock_irq(&dax_busy_lock);
		rounds = dax_busy_rounds;
		kept = dax_busy_super_kept(sb, &in_use);
		spin_unlock_irq(&dax_busy_lock);

		if (in_use || dax_busy_super_walk(sb, dax_busy_inode, false)) {
			pr_notice_ratelimited("DAX: a page of a file of %s on %s is in use\n",
					      sb->s_type->name, sb->s_id);
			return -EBUSY;
		}
		if (!kept)
			return 0;
		if (wait_event_killable(dax_busy_done,
					READ_ONCE(dax_busy_rounds) != rounds))
			return -EINTR;
	}
}

static int __init dax_busy_init(void)
{
	/* As many as there are: one may wait until its file system is thawed. */
	dax_busy_wq = alloc_workqueue("dax_busy", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return dax_busy_wq ? 0 : -ENOMEM;
}
fs_initcall(dax_busy_init);
